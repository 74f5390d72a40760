"""Plans: several writes that are checked, stated and confirmed together, and carried out by the server in order."""

from proxmox_mcp.gateway.plans.plans import DEFAULT_LIMITS, PlanAsked, PlanLimits, Plans
from proxmox_mcp.gateway.plans.records import PlanRecord, PlanRecords, PlanState, StepRecord, StepState
from proxmox_mcp.gateway.plans.steps import PlanStep, read_steps

__all__ = [
    "DEFAULT_LIMITS",
    "PlanAsked",
    "PlanLimits",
    "PlanRecord",
    "PlanRecords",
    "PlanState",
    "PlanStep",
    "Plans",
    "StepRecord",
    "StepState",
    "read_steps",
]
