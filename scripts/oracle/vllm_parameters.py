"""Prints the request fields of an installed vLLM as JSON: `python vllm_parameters.py SITE_PACKAGES > FILE`.

Reads the sources without importing them, so that no GPU and no torch is needed. Fields of base classes count.
"""

import ast
import json
import pathlib
import re
import sys

REQUESTS = {
    "/v1/chat/completions": ["ChatCompletionRequest"],
    "/v1/completions": ["CompletionRequest"],
    "/v1/responses": ["ResponsesRequest"],
    "/v1/embeddings": ["EmbeddingCompletionRequest", "EmbeddingChatRequest"],
    "/score": ["ScoreTextRequest", "ScoreQueriesDocumentsRequest", "ScoreQueriesItemsRequest", "ScoreDataRequest"],
    "/rerank": ["RerankRequest"],
    "/tokenize": ["TokenizeCompletionRequest", "TokenizeChatRequest"],
    "/detokenize": ["DetokenizeRequest"],
    "/v1/messages": ["AnthropicMessagesRequest"],
    "/v1/messages/count_tokens": ["AnthropicCountTokensRequest"],
}


def is_field(annotation: str, name: str) -> bool:
    return not name.startswith("_") and "ClassVar" not in annotation


def main() -> None:
    package = pathlib.Path(sys.argv[1]) / "vllm"
    classes: dict[str, tuple[list[str], list[str]]] = {}
    for path in sorted((package / "entrypoints").rglob("protocol.py")):
        for node in ast.parse(path.read_text()).body:
            if not isinstance(node, ast.ClassDef):
                continue
            bases = [ast.unparse(base).split("[")[0].split(".")[-1] for base in node.bases]
            fields = [
                item.target.id
                for item in node.body
                if isinstance(item, ast.AnnAssign)
                and isinstance(item.target, ast.Name)
                and is_field(ast.unparse(item.annotation), item.target.id)
                and item.target.id != "_DEFAULT_SAMPLING_PARAMS"
            ]
            classes.setdefault(node.name, (bases, fields))

    def fields_of(name: str) -> set[str]:
        bases, fields = classes.get(name, ([], []))
        return set(fields).union(*(fields_of(base) for base in bases))

    version = re.search(r"version = '([^']+)'", (package / "_version.py").read_text())
    result = {
        "version": version.group(1) if version else "unknown",
        "parameters": {
            path: sorted(set().union(*(fields_of(name) for name in names))) for path, names in REQUESTS.items()
        },
    }
    for path, names in result["parameters"].items():
        if not names:
            raise SystemExit(f"no fields found for {path}: vLLM has moved its classes")
    print(json.dumps(result, indent=1))


main()
