"""Renders templates as transformers does: one JSON request a line on stdin, one JSON answer a line on stdout.

A request is {"template": text, "variables": [object, ...], "now": [year, month, day, hour, minute, second]}; an answer is a
list with {"text": text} or {"error": "Type: message"} for each object of variables. Needs transformers and jinja2.
"""

import datetime
import json
import signal
import sys

from transformers.utils import chat_template_utils


def error_of(cause):
    return {"error": f"{type(cause).__name__}: {cause}"}


def timed_out(signum, frame):
    raise TimeoutError("the reference took too long")


def render_all(request):
    now = datetime.datetime(*request["now"])
    try:
        template = chat_template_utils._compile_jinja_template(request["template"])
        template.environment.globals["strftime_now"] = now.strftime
    except BaseException as cause:
        return [error_of(cause) for _ in request["variables"]]
    answers = []
    for variables in request["variables"]:
        signal.alarm(5)
        try:
            text = template.render(**variables)
            text.encode("utf-8")
            answers.append({"text": text})
        except Exception as cause:
            answers.append(error_of(cause))
        finally:
            signal.alarm(0)
    return answers


signal.signal(signal.SIGALRM, timed_out)
for line in sys.stdin:
    print(json.dumps(render_all(json.loads(line))), flush=True)
