"""Light curves of other surveys as ours would have seen them, and the comparison that says whether they earn their place."""
