from dataclasses import replace

import numpy as np

from streamer.data.ragged import Ragged
from streamer.training.datasets import Dropped, joined, labelled
from tests.unit.training.tables import table


def test_an_object_in_two_sets_counts_once_with_the_first_sets_light_curve() -> None:
    first = table([{"epoch": [1.0], "group": "SN2020a"}, {"epoch": [2.0]}])
    second = table([{"epoch": [9.0], "group": "SN2020a", "source": "there"}, {"epoch": [8.0], "group": "new", "source": "there"}])
    both = joined([first, second])
    assert both.curves["epoch"].tolist() == [1.0, 2.0, 8.0]
    assert both.dropped == (Dropped("there", "objects", "in an earlier data set", 1),)


def test_light_curves_of_one_group_in_one_set_all_stay() -> None:
    both = joined([table([{"epoch": [1.0], "group": "same"}, {"epoch": [2.0], "group": "same"}])])
    assert len(both) == 2


def test_objects_without_label_and_rare_classes_are_left_out_and_counted() -> None:
    light_curves = table([{"epoch": [1.0], "label": label} for label in ("SNIa", "SNIa", "", "TDE")])
    kept = labelled(light_curves, min_objects=2)
    assert kept.label.tolist() == ["SNIa", "SNIa"]
    assert kept.dropped == (
        Dropped("here", "objects", "no label", 1),
        Dropped("here", "objects", "class TDE has fewer than 2 objects", 1),
    )


def test_the_digest_sees_points_labels_and_order() -> None:
    light_curves = table([{"epoch": [1.0, 2.0]}, {"epoch": [3.0], "label": "SNII"}])
    other_label = table([{"epoch": [1.0, 2.0]}, {"epoch": [3.0], "label": "SNIa"}])
    other_flux = table([{"epoch": [1.0, 2.0], "flux": 1001.0}, {"epoch": [3.0], "label": "SNII"}])
    other_window = table([{"epoch": [1.0, 2.0], "complete": [False, True]}, {"epoch": [3.0], "label": "SNII"}])
    swapped = light_curves.take(np.array([1, 0]))
    assert len({one.digest() for one in (light_curves, other_label, other_flux, other_window, swapped)}) == 5
    assert light_curves.digest() == table([{"epoch": [1.0, 2.0]}, {"epoch": [3.0], "label": "SNII"}]).digest()


def test_an_object_without_context_has_that_of_the_same_object_in_a_later_set() -> None:
    first = table([{"epoch": [1.0], "group": "SN2020a"}, {"epoch": [2.0]}])
    later = table([{"epoch": [9.0], "group": "other"}, {"epoch": [8.0], "group": "SN2020a"}])
    context = Ragged(
        np.array([0, 1, 3]), {"epoch": np.array([9.0, 7.0, 8.0]), "reference_distance": np.array([5, 1, 2], dtype=np.float32)}
    )
    both = joined([first, replace(later, context=context)])
    assert both.context is not None
    assert [both.context.row(i)["reference_distance"].tolist() for i in range(3)] == [[1.0, 2.0], [], [5.0]]
    assert joined([first, later]).context is None
