"""What flows through the pipeline: frozen arrays with no behaviour beyond slicing."""
