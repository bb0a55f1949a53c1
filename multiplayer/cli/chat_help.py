"""What a chat understands besides words for the room, as /help lists it."""

from typing import Final

HELP: Final = (
    ("/members", "who is here"),
    ("/me", "who you are"),
    ("/stop", "end what the AI {what}"),
    ("/steer TEXT", "tell the AI something while it {what}"),
    ("/again", "let the last answer be given again"),
    ("/choose N", "let answer N of the last message with several stand"),
    ("/form", "fill in the open form, question by question"),
    ("/approve [N]", "let a call run that waits for a person: the only one, or number N"),
    ("/reject [N]", "keep a call from running"),
    ("/diff [N]", "what the last turn changed in files, or the Nth last, line by line"),
    ("/undo [keep]", "put back what the last turn changed; keep: but not what others changed since"),
    ("/files [PATH]", "which files the workspace has"),
    ("/jobs", "what runs in the background; /stop job ID ends one"),
    ("/accept [N]", "let the room remember or forget what an AI proposes"),
    ("/drop [N]", "turn down what an AI proposes"),
    ("/explain", "which rules woke an AI for what a person said last, and which did not"),
    ("/why", "what the last turn was asked, knew, used and cost"),
    ("/context [@AI]", "what an AI would be given now"),
    ("/cost TEXT", "what asking this would cost at most"),
    ("/turns", "who waits, and the last turns"),
    ("/usage [asker|ai|model|day]", "tokens and money of this room"),
    ("/facts", "what the AIs always know here"),
    ("/remember TEXT", "pin a fact"),
    ("/forget N", "forget fact N of /facts"),
    ("/summary", "what the room's summary says"),
    ("/catchup", "what happened since you last read here, before this chat"),
    ("/quit", "end this"),
    ("//", "send a line that begins with a slash"),
)
