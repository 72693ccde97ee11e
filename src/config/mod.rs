//! What it means here: the only place that reads settings from files, the environment and the terminal.
