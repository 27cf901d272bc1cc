"""The suite's tasks."""

from typing import Any

from cairn.envs.task import Task
from cairn.envs.tasks.file_export import FileExport
from cairn.envs.tasks.form_request import FormRequest
from cairn.envs.tasks.mail_send_attachment import MailSendAttachment
from cairn.envs.tasks.search_open import SearchOpen
from cairn.envs.tasks.settings_toggle import SettingsToggle
from cairn.envs.tasks.web_report_figure import WebReportFigure

# The values' fact types differ, so the table knows each only as a task of something.
TASKS: dict[str, Task[Any]] = {
    "file-export-v1": FileExport(),
    "form-request-v1": FormRequest(),
    "mail-send-attachment-v1": MailSendAttachment(),
    "search-open-v1": SearchOpen(),
    "settings-toggle-v1": SettingsToggle(),
    "web-report-figure-v1": WebReportFigure(),
}

__all__ = ["TASKS"]
