"""An experiment becomes an engine, whose states advance by iterations."""
