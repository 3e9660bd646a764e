"""One file a subcommand; each imports what is heavy when it runs, so that ``--help`` is quick."""
