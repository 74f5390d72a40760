"""Every error that this project raises on purpose, as one tree with stable codes.

    ProxmoxMcpError                 error               the root of all
      SettingsError                 settings            a wrong environment value or file: the start is refused
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
        FailedError                 pve.failed          500 and whatever else
      TaskFailedError               task.failed         the task was started, and ended with an error

``message`` says what was wrong, ``advice`` what is allowed or what to do next. Neither ever holds a secret.
"""

from __future__ import annotations

from typing import ClassVar


class ProxmoxMcpError(Exception):
    """The root: ``message`` (what was wrong) and ``advice`` (what to do next, may be empty)."""

    code: ClassVar[str] = "error"

    def __init__(self, message: str, advice: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.advice = advice

    def __str__(self) -> str:
        return f"{self.message}\n{self.advice}" if self.advice else self.message


class SettingsError(ProxmoxMcpError):
    code = "settings"


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

    def __init__(
        self,
        message: str,
        advice: str = "",
        *,
        status: int | None = None,
        errors: dict[str, str] | None = None,
        sent: bool = False,
    ) -> None:
        super().__init__(message, advice)
        self.status = status
        self.errors = errors or {}
        self.sent = sent


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


class FailedError(ProxmoxError):
    code = "pve.failed"


class TaskFailedError(ProxmoxMcpError):
    code = "task.failed"
