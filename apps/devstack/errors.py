"""What is it called when the development stack declines to start, and who reads the message?"""


class CannotStart(Exception):
    """A reason not to start, in words for the person at the terminal: what is wrong, then what to do.

    Subclasses are defined beside the function that raises them. They end the program without a traceback.
    """
