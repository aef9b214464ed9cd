"""Every action of the screen with its keys and its words: bindings, palette and F1 agree."""

from __future__ import annotations

from dataclasses import dataclass

from textual.binding import Binding


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One action. ``footer`` is its word in the footer; without one it is not shown there.

    ``priority`` lets its key win over the text box.
    """

    action: str
    title: str
    help: str
    keys: str = ""
    footer: str = ""
    priority: bool = False

    @property
    def binding(self) -> Binding | None:
        """The key binding, for a command that has keys."""
        if not self.keys:
            return None
        return Binding(
            self.keys,
            self.action,
            self.footer or self.title,
            show=bool(self.footer),
            priority=self.priority,
            tooltip=self.help,
        )


COMMANDS: tuple[Command, ...] = (
    Command(
        action="back",
        title="Back to the composer, or stop the answer",
        help="Close an overlay; else go to the composer; else, pressed twice, stop the answer",
        keys="escape",
        footer="Back/Stop",
    ),
    Command(
        action="show_keys",
        title="All keys",
        help="Every key of every pane",
        keys="f1",
        footer="Keys",
        priority=True,
    ),
    Command(
        action="send",
        title="Send the message",
        help="What is written in the composer; Enter does the same there",
    ),
    Command(
        action="choose_model",
        title="Choose profile and model",
        help="Which model answers in this thread from now on; the history goes along",
        keys="f2",
        priority=True,
    ),
    Command(
        action="use_found",
        title="Use what was found here (a local server, a key)",
        help="Look again, and talk to the first one found, in new threads too",
        keys="f3",
        priority=True,
    ),
    Command(
        action="new_thread",
        title="New thread",
        help="Begin a conversation; the one on screen goes on",
        keys="ctrl+n",
        footer="New",
    ),
    Command(
        action="new_private_thread",
        title="New private thread",
        help="Begin a conversation that is never written to disk and ends with Tickertape",
        keys="alt+n",
        priority=True,
    ),
    Command(
        action="toggle_threads",
        title="Threads: show or hide",
        help="The list of threads on the left",
        keys="ctrl+t",
        footer="Threads",
    ),
    Command(
        action="toggle_inspector",
        title="Inspector: show or hide",
        help="Tool calls and raw events on the right",
        keys="ctrl+o",
        footer="Inspector",
    ),
    Command(
        action="next_thread",
        title="Next thread",
        help="Switch to the thread below the current one",
        keys="ctrl+pagedown,alt+down",
    ),
    Command(
        action="previous_thread",
        title="Previous thread",
        help="Switch to the thread above the current one",
        keys="ctrl+pageup,alt+up",
    ),
    Command(
        action="next_pane",
        title="Next pane",
        help="Move the focus to the next pane",
        keys="f6",
        priority=True,
    ),
    Command(
        action="previous_pane",
        title="Previous pane",
        help="Move the focus to the previous pane",
        keys="shift+f6",
        priority=True,
    ),
    Command(
        action="cancel_run",
        title="Stop the answer",
        help="Cancel the run in this thread; what arrived is kept",
    ),
    Command(
        action="send_waiting",
        title="Send the first waiting message",
        help="The one that was to follow an answer; Enter in the empty composer does the same",
    ),
    Command(
        action="take_back",
        title="Take the last waiting message back",
        help="Return it to the composer; Up in the empty composer does the same",
    ),
    Command(
        action="approve",
        title="Approve the tool call, or go on",
        help="Let the tool call that waits run; without one, go on with what ended too early",
        keys="f8",
        priority=True,
    ),
    Command(
        action="deny",
        title="Deny the tool call, or leave it be",
        help="Refuse the tool call that waits; without one, leave what was interrupted as it is",
        keys="f9",
        priority=True,
    ),
    Command(
        action="retry",
        title="Try again",
        help="Answer the last message once more, as a new branch",
        keys="f5,ctrl+r",
        priority=True,
    ),
    Command(
        action="continue_answer",
        title="Continue the answer",
        help="Ask for the rest of an answer that ended too early",
    ),
    Command(
        action="earlier_answer",
        title="Earlier answer",
        help="After trying again: show the answer before this one to the same message",
        keys="alt+left",
        priority=True,
    ),
    Command(
        action="later_answer",
        title="Later answer",
        help="Show the answer after this one to the same message",
        keys="alt+right",
        priority=True,
    ),
    Command(
        action="resume_run",
        title="Go on with the interrupted answer",
        help="Ask the server what became of it; no tool call runs twice",
    ),
    Command(
        action="leave_run",
        title="Leave the interrupted answer as it is",
        help="Close it; what arrived is kept",
    ),
    Command(
        action="take_over",
        title="Take over from the other Tickertape",
        help="Go on here with the answer that another Tickertape writes in this thread",
    ),
    Command(
        action="rename_thread",
        title="Rename this thread",
        help="Give the thread on screen another title; r does so in the list of threads",
        keys="alt+r",
        priority=True,
    ),
    Command(
        action="delete_thread",
        title="Delete this thread",
        help="Remove the thread on screen for good, after a question",
    ),
    Command(
        action="copy_answer",
        title="Copy the last answer",
        help="Put the newest answer on the clipboard",
        keys="f4",
        priority=True,
    ),
    Command(
        action="copy_arguments",
        title="Copy the arguments",
        help="Those of the tool call selected in the inspector, or of the newest",
    ),
    Command(
        action="copy_output",
        title="Copy the tool's output",
        help="That of the tool call selected in the inspector, or of the newest",
    ),
    Command(
        action="copy_event",
        title="Copy the raw event",
        help="The one selected in the inspector, or the newest",
    ),
    Command(
        action="toggle_theme",
        title="Light or dark",
        help="Switch between the light and the dark theme",
        keys="f12",
        priority=True,
    ),
    Command(
        action="toggle_reasoning",
        title="Reasoning: unfold or fold",
        help="Show or hide what the model thought, in the marked message or in all",
    ),
    Command(
        action="find",
        title="Find in this conversation",
        help="Words in its messages and tool calls; Enter goes on, Esc returns",
        keys="ctrl+f",
        priority=True,
    ),
    Command(
        action="follow",
        title="Newest line",
        help="Go to the end of the conversation and stay there",
    ),
    Command(
        action="show_calls",
        title="Inspector: tool calls",
        help="Every call of a run with its arguments, output and times",
    ),
    Command(
        action="show_wire",
        title="Inspector: raw events",
        help="What came over the wire, in order, with arrival times",
    ),
    Command(
        action="toggle_wire",
        title="Inspector: switch tab",
        help="Between the tool calls and the raw events",
        keys="f7",
        priority=True,
    ),
    Command(
        action="previous_run",
        title="Inspect an earlier run",
        help="Show the run before this one in the inspector; [ does so there",
    ),
    Command(
        action="next_run",
        title="Inspect a later run",
        help="Show the run after this one in the inspector; ] does so there",
    ),
    Command(
        action="insert_example",
        title="Insert an example message",
        help="Put an example that calls tools into the composer",
        keys="ctrl+g",
    ),
)

BINDINGS: list[Binding] = [binding for command in COMMANDS if (binding := command.binding)]
