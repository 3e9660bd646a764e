"""From run directories to tables, figures and verdicts on the paper's claims. Reads files only, and knows no engine."""
