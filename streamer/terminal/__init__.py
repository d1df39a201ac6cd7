"""What a person sees in a terminal: light curves, packets, tagged alerts and the live view of a run."""

from streamer.terminal.live import Answer, LiveView, Portrait, balance
from streamer.terminal.packet import Known, PacketSummary, TaggedSummary, tagged_line
from streamer.terminal.plot import LightCurvePlot
from streamer.terminal.progress import progress

__all__ = [
    "Answer",
    "Known",
    "LightCurvePlot",
    "LiveView",
    "PacketSummary",
    "Portrait",
    "TaggedSummary",
    "balance",
    "progress",
    "tagged_line",
]
