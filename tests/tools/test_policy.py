"""Read-only tools run; the rest asks a person or needs the flag."""

from __future__ import annotations

from tui.core.models import Decision, ToolSpec
from tui.core.ports import ApprovalPolicy, Ask
from tui.core.thread import ToolCall
from tui.tools.policy import ReadOnlyPolicy, UnattendedPolicy

CALL = ToolCall(call_id="c", run_id="r", part_id="p", name="delete_all")
READS = ToolSpec(name="delete_all", read_only=True)
WRITES = ToolSpec(name="delete_all")


def decided(policy: ApprovalPolicy, spec: ToolSpec | None) -> tuple[bool, str] | Ask:
    decision = policy.decide(CALL, spec)
    return (decision.approved, decision.by) if isinstance(decision, Decision) else decision


def test_the_app_asks_unless_a_tool_is_read_only() -> None:
    assert decided(ReadOnlyPolicy(), READS) == (True, "policy")
    assert decided(ReadOnlyPolicy(), WRITES) == Ask()
    assert decided(ReadOnlyPolicy(), None) == Ask()


def test_unattended_without_yes_refuses_and_says_what_would_help() -> None:
    policy = UnattendedPolicy(yes=False)
    assert decided(policy, READS) == (True, "policy")
    assert decided(policy, WRITES) == (False, "policy")
    assert decided(policy, None) == (False, "policy")
    refused = policy.decide(CALL, WRITES)
    assert isinstance(refused, Decision)
    assert "delete_all" in refused.reason
    assert "--yes" in refused.reason


def test_unattended_with_yes_runs_and_records_the_flag() -> None:
    policy = UnattendedPolicy(yes=True)
    assert decided(policy, READS) == (True, "policy")
    assert decided(policy, WRITES) == (True, "flag")
