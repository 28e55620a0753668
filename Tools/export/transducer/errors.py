"""What an export fails with."""


class ExportError(Exception):
    """One line saying what is wrong with the input and, where it helps, what to do."""
