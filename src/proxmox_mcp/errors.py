"""Every error that this project raises on purpose, as one tree with stable codes.

    ProxmoxMcpError                 error               the root of all
      SettingsError                 settings            a wrong or missing setting or file: no call is made
        PolicyFileError             settings.policy     a policy or callers file that can't be read or understood
      ApidocError                   apidoc              the schema could not be had
        ApidocSourceError           apidoc.source       the document could not be fetched or read
        ApidocFormatError           apidoc.format       what came is not an apidoc.js, or only a part of one
        ApidocCacheError            apidoc.cache        the cache can't be used; work goes on without it
      CallError                     call                the caller's request is at fault; nothing was sent
        UnknownArgumentError        call.argument       an argument that the tool doesn't take, or of the wrong type
        InvalidCallError            call.invalid        path, method or parameters, by the schema
        UnsupportedCallError        call.unsupported    what JSON can't carry: uploads, websockets, downloads
        TargetError                 call.target         a guest or node that is unknown, or named ambiguously
        ViewError                   call.view           fields, filter, limit or cursor
      GuardError                    guard               what stands before the cluster said no, or could not do its part
        DeniedError                 guard.denied        a mode or a rule doesn't allow it
        ConfirmationNeededError     guard.confirm       nothing was sent; how to confirm is in the message
        ConfirmationError           guard.confirmation  a token that is wrong, used, expired or for another call
        RateLimitError              guard.rate          more calls in a minute or at a time than this caller may make
        AuditError                  guard.audit         no audit line could be written, so nothing was sent
      ProxmoxError                  pve                 Proxmox said no, or could not be reached
        UnreachableError            pve.unreachable     no host could be connected to, or the connection broke
        TlsError                    pve.tls             the certificate is not the one that is trusted
        DeadlineError               pve.timeout         no answer, or not all of it, within PROXMOX_TIMEOUT
        AnswerError                 pve.answer          not an answer of Proxmox's API (a web page, cut, redirected)
        AuthenticationError         pve.authentication  401: user, token or secret
        PermissionDeniedError       pve.permission      403: a privilege is missing
        ParametersError             pve.parameters      400: Proxmox refused the parameters
        UnknownMethodError          pve.unknown         501: there is no such path or method on that node
        NodeUnreachableError        pve.node            595, 596: the node asked could not reach the one addressed
          DaemonDownError           pve.node.daemon     595: pvedaemon does not run on the node that was addressed
        FailedError                 pve.failed          500 and whatever else
      TaskFailedError               task.failed         the task was started, and ended with an error

``message`` says what was wrong, ``advice`` what is allowed or what to do next. Neither ever holds a secret.

Errors are values: one may be kept and told to several callers, so nothing about it can be changed afterwards. Advice
is added and secrets are removed by making a new error (``with_advice``, ``reworded``).
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_SET_BY_PYTHON = frozenset({"__traceback__", "__context__", "__cause__", "__suppress_context__", "__notes__"})
"""What ``raise``, ``contextlib`` and ``add_note`` set on an exception on its way up."""
_FROZEN = "{} can't be changed: make a new one (with_advice, reworded)."


class ProxmoxMcpError(Exception):
    """The root: ``message`` (what was wrong) and ``advice`` (what to do next, may be empty)."""

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
        """The same error with ``words`` applied to each of its texts: how secrets are removed."""
        return self._remade(message=words(self.message), advice=words(self.advice))

    def fresh(self) -> Self:
        """The same error as if it had never been raised: what is kept and raised again must not keep the frames of
        those that it was raised in, nor show one caller the calls of another."""
        return self._remade()

    def _fields(self) -> dict[str, Any]:
        """What the class is made with."""
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
    """``faults`` are the single errors behind one that tells several; else the error itself."""

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


class _Collecting(AbstractContextManager[None, bool]):
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
    """Collects errors of settings, so that a person learns of all of them at once."""

    def __init__(self, found: Sequence[SettingsError] = ()) -> None:
        self.found = list(found)

    def collected(self, where: str = "") -> AbstractContextManager[None, bool]:
        """Keeps the SettingsError that ends the block, with ``where`` before its message."""
        return _Collecting(self.found, where)

    def raise_all(self) -> None:
        """Raise ``error`` where anything was found."""
        if self.found:
            raise self.error()

    def error(self) -> SettingsError:
        """The one that was found, or one that tells them all."""
        if len(self.found) == 1:
            return self.found[0]
        told = "\n".join(f"- {listed(fault)}" for fault in self.found)
        return SettingsError(f"{len(self.found)} settings are wrong or missing.", told, self.found)


def listed(error: ProxmoxMcpError) -> str:
    """Message and advice as an entry of a list: the lines after the first are indented."""
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


class ProxmoxError(ProxmoxMcpError):
    """Proxmox refused or could not be reached.

    ``status`` is the HTTP status (None where there was no answer), ``errors`` the fault of each parameter as
    Proxmox words it, ``sent`` whether the request may have reached Proxmox and taken effect.
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


class TaskFailedError(ProxmoxMcpError):
    code = "task.failed"
