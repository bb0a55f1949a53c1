"""The one way in which events can be wrong for a store: they do not follow from what is stored."""


class Unfit(Exception):  # noqa: N818 - a bug of who decided the events, told to them and to nobody else
    """An event is about a message or turn that is not there. Nothing of its append was stored."""
