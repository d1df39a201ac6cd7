"""``python -m streamer.cli``, as a supervisor starts its workers."""

from streamer.cli import main

if __name__ == "__main__":
    main()
