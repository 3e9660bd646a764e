"""What an action is credited with: Algorithm 1, the table of estimators, critics of the batch."""
