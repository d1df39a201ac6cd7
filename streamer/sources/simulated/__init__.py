"""The simulated sky: when a survey looks, what it would see, and the packets it would send."""
