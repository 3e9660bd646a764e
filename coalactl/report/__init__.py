"""From run directories to tables, figures and verdicts on papers' claims. Reads files only, and knows no engine."""
