"""All errors that this project raises, as one tree with stable codes.

    ProxmoxMcpError                 error               the root of all
      SettingsError                 settings            a wrong or missing setting or file: no call is sent
        PolicyFileError             settings.policy     a policy or callers file that can't be read, or has errors
      ApidocError                   apidoc              the schema is unavailable
        ApidocSourceError           apidoc.source       the apidoc.js could not be fetched or read
        ApidocFormatError           apidoc.format       the document is not an apidoc.js, or is incomplete
        ApidocCacheError            apidoc.cache        the cache can't be used; the server works without it
      CallError                     call                the request of the caller is wrong; nothing was sent
        UnknownArgumentError        call.argument       an unknown argument of a tool, or one of the wrong type
        InvalidCallError            call.invalid        path, method or parameters don't match the schema
        UnsupportedCallError        call.unsupported    endpoints that JSON can't serve: uploads, downloads, websockets
        TargetError                 call.target         an unknown or ambiguous guest or node
        ViewError                   call.view           wrong fields, filter, limit or cursor
      GuardError                    guard               the guard refused the call, or failed
        DeniedError                 guard.denied        a mode or a rule does not allow the call
        ConfirmationNeededError     guard.confirm       nothing was sent; the message says how to confirm
        ConfirmationError           guard.confirmation  the confirmation is wrong, used, expired or for another call
        RateLimitError              guard.rate          too many calls per minute, or at the same time
        AuditError                  guard.audit         the audit line could not be written, so nothing was sent
        StoreError                  guard.store         the durable state can't be read or written
        FrozenError                 guard.frozen        a person has frozen all writes
      ProxmoxError                  pve                 Proxmox refused the request, or is unreachable
        UnreachableError            pve.unreachable     no host is reachable, or the connection broke
        TlsError                    pve.tls             the certificate is not trusted
        DeadlineError               pve.timeout         no complete response within PROXMOX_TIMEOUT
        AnswerError                 pve.answer          not a Proxmox API response (a web page, redirect, or cut off)
        AuthenticationError         pve.authentication  401: user, token or secret is wrong
        PermissionDeniedError       pve.permission      403: a privilege is missing
        ParametersError             pve.parameters      400: Proxmox refused the parameters
        UnknownMethodError          pve.unknown         501: the node does not have this path or method
        NodeUnreachableError        pve.node            595, 596: the node could not reach the node in the path
          DaemonDownError           pve.node.daemon     595: pvedaemon is not running on the node in the path
        FailedError                 pve.failed          500, or any other status
      GuestError                    guest               a guest did not run a command
        GuestStateError             guest.state         it is stopped, has no agent, or shows no shell
        GuestSessionError           guest.session       somebody's terminal is open, or another command runs there
        GuestVersionError           guest.version       its node is too old for terminals by API token
        GuestAnswerError            guest.answer        the terminal or the agent gave no usable answer
      TaskFailedError               task.failed         the task started, and ended with an error
      CommandFailedError            command.failed      a command of a plan ended with another exit code than 0
      PlanFailedError               plan.failed         a step of a plan failed, or the plan was cut off

``message`` says what is wrong, ``advice`` what is allowed or what to do next. Neither contains secrets.

Errors are frozen values, because one error may be kept and raised for several callers. ``with_advice`` and
``reworded`` (which removes secrets) make a new one.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_SET_BY_PYTHON = frozenset({"__traceback__", "__context__", "__cause__", "__suppress_context__", "__notes__"})
"""What ``raise``, ``contextlib`` and ``add_note`` set on an exception that propagates."""
_FROZEN = "{} is frozen: make a new one (with_advice, reworded)."


class ProxmoxMcpError(Exception):
    """The root: ``message`` (what is wrong) and ``advice`` (what to do next, may be empty)."""

    code: ClassVar[str] = "error"
    _message: str
    _advice: str

    def __init__(self, message: str, advice: str = "") -> None:
        super().__init__(message, advice)
        self.__dict__.update(_message=message, _advice=advice)

    @property
    def message(self) -> str:
        return self._message

    @property
    def advice(self) -> str:
        return self._advice

    def with_advice(self, advice: str) -> Self:
        """The same error with other advice."""
        return self._remade(advice=advice)

    def reworded(self, words: Callable[[str], str]) -> Self:
        """The same error with ``words`` applied to each text: for the removal of secrets."""
        return self._remade(message=words(self.message), advice=words(self.advice))

    def fresh(self) -> Self:
        """The same error without traceback, for raising a kept one again.

        A traceback holds references to all its frames, and would show one caller the calls of another.
        """
        return self._remade()

    def _fields(self) -> dict[str, Any]:
        """The arguments of the class."""
        return {"message": self.message, "advice": self.advice}

    def _remade(self, **changes: Any) -> Self:
        return type(self)(**{**self._fields(), **changes})

    def __setattr__(self, name: str, value: object) -> None:
        if name not in _SET_BY_PYTHON:
            raise AttributeError(_FROZEN.format(type(self).__name__))
        super().__setattr__(name, value)

    def __delattr__(self, name: str) -> None:
        if name not in _SET_BY_PYTHON:
            raise AttributeError(_FROZEN.format(type(self).__name__))
        super().__delattr__(name)

    def __reduce__(self) -> tuple[Any, ...]:
        notes = getattr(self, "__notes__", None)
        return _made, (type(self), self._fields()), {"__notes__": notes} if notes else None

    def __str__(self) -> str:
        return f"{self.message}\n{self.advice}" if self.advice else self.message


def _made(kind: type[ProxmoxMcpError], fields: dict[str, Any]) -> ProxmoxMcpError:
    return kind(**fields)


class SettingsError(ProxmoxMcpError):
    """``faults`` are the errors that a combined one consists of; for a single error, itself."""

    code = "settings"

    _faults: tuple[SettingsError, ...]

    def __init__(self, message: str, advice: str = "", faults: Sequence[SettingsError] = ()) -> None:
        super().__init__(message, advice)
        self.__dict__.update(_faults=tuple(faults))

    @property
    def faults(self) -> tuple[SettingsError, ...]:
        return self._faults or (self,)

    def reworded(self, words: Callable[[str], str]) -> Self:
        return self._remade(
            message=words(self.message),
            advice=words(self.advice),
            faults=tuple(each.reworded(words) for each in self._faults),
        )

    def _fields(self) -> dict[str, Any]:
        return {**super()._fields(), "faults": self._faults}


class _Collector(AbstractContextManager[None, bool]):
    def __init__(self, found: list[SettingsError], where: str) -> None:
        self._found, self._where = found, where

    def __enter__(self) -> None:
        return None

    def __exit__(self, _: object, error: BaseException | None, __: object) -> bool:
        if not isinstance(error, SettingsError):
            return False
        for each in error.faults:
            self._found.append(SettingsError(f"{self._where}{each.message}", each.advice) if self._where else each)
        return True


class SettingsFaults:
    """Collects settings errors, so that a person sees all of them at once."""

    def __init__(self, found: Sequence[SettingsError] = ()) -> None:
        self.found = list(found)

    def collected(self, where: str = "") -> AbstractContextManager[None, bool]:
        """Collects a SettingsError that the block raises, with ``where`` before its message."""
        return _Collector(self.found, where)

    def raise_all(self) -> None:
        """Raise ``error`` if there are any."""
        if self.found:
            raise self.error()

    def error(self) -> SettingsError:
        """The only error, or one that lists them all."""
        if len(self.found) == 1:
            return self.found[0]
        told = "\n".join(f"- {listed(fault)}" for fault in self.found)
        return SettingsError(f"{len(self.found)} settings are wrong or missing.", told, self.found)


def listed(error: ProxmoxMcpError) -> str:
    """Message and advice as a list entry: lines after the first are indented."""
    message = error.message if error.message.endswith((".", ":", "!")) else f"{error.message}."
    return f"{message} {error.advice}".strip().replace("\n", "\n  ")


class PolicyFileError(SettingsError):
    code = "settings.policy"


class ApidocError(ProxmoxMcpError):
    code = "apidoc"


class ApidocSourceError(ApidocError):
    code = "apidoc.source"


class ApidocFormatError(ApidocError):
    code = "apidoc.format"


class ApidocCacheError(ApidocError):
    code = "apidoc.cache"


class CallError(ProxmoxMcpError):
    code = "call"


class UnknownArgumentError(CallError):
    code = "call.argument"


class InvalidCallError(CallError):
    code = "call.invalid"


class UnsupportedCallError(CallError):
    code = "call.unsupported"


class TargetError(CallError):
    code = "call.target"


class ViewError(CallError):
    code = "call.view"


class GuardError(ProxmoxMcpError):
    code = "guard"


class DeniedError(GuardError):
    code = "guard.denied"


class ConfirmationNeededError(GuardError):
    code = "guard.confirm"


class ConfirmationError(GuardError):
    code = "guard.confirmation"


class RateLimitError(GuardError):
    code = "guard.rate"


class AuditError(GuardError):
    code = "guard.audit"


class StoreError(GuardError):
    code = "guard.store"


class FrozenError(GuardError):
    code = "guard.frozen"


class ProxmoxError(ProxmoxMcpError):
    """Proxmox refused the request, or is unreachable.

    ``status`` is the HTTP status (None without a response), ``errors`` the error of each parameter in Proxmox' words,
    ``sent`` whether the request may have reached Proxmox and taken effect.
    """

    code = "pve"
    _status: int | None
    _errors: Mapping[str, str]
    _sent: bool

    def __init__(
        self,
        message: str,
        advice: str = "",
        *,
        status: int | None = None,
        errors: Mapping[str, str] | None = None,
        sent: bool = False,
    ) -> None:
        super().__init__(message, advice)
        self.__dict__.update(_status=status, _errors=MappingProxyType(dict(errors or {})), _sent=sent)

    @property
    def status(self) -> int | None:
        return self._status

    @property
    def errors(self) -> Mapping[str, str]:
        return self._errors

    @property
    def sent(self) -> bool:
        return self._sent

    def reworded(self, words: Callable[[str], str]) -> Self:
        errors = {words(name): words(text) for name, text in self.errors.items()}
        return self._remade(message=words(self.message), advice=words(self.advice), errors=errors)

    def _fields(self) -> dict[str, Any]:
        return {**super()._fields(), "status": self.status, "errors": dict(self.errors), "sent": self.sent}


class UnreachableError(ProxmoxError):
    code = "pve.unreachable"


class TlsError(ProxmoxError):
    code = "pve.tls"


class DeadlineError(ProxmoxError):
    code = "pve.timeout"


class AnswerError(ProxmoxError):
    code = "pve.answer"


class AuthenticationError(ProxmoxError):
    code = "pve.authentication"


class PermissionDeniedError(ProxmoxError):
    code = "pve.permission"


class ParametersError(ProxmoxError):
    code = "pve.parameters"


class UnknownMethodError(ProxmoxError):
    code = "pve.unknown"


class NodeUnreachableError(ProxmoxError):
    code = "pve.node"


class DaemonDownError(NodeUnreachableError):
    code = "pve.node.daemon"


class FailedError(ProxmoxError):
    code = "pve.failed"


class GuestError(ProxmoxMcpError):
    code = "guest"


class GuestStateError(GuestError):
    code = "guest.state"


class GuestSessionError(GuestError):
    code = "guest.session"


class GuestVersionError(GuestError):
    code = "guest.version"


class GuestAnswerError(GuestError):
    code = "guest.answer"


class TaskFailedError(ProxmoxMcpError):
    code = "task.failed"


class CommandFailedError(ProxmoxMcpError):
    code = "command.failed"


class PlanFailedError(ProxmoxMcpError):
    code = "plan.failed"
