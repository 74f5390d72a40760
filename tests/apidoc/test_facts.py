"""The canonical facts of an endpoint."""

from __future__ import annotations

import json

from proxmox_mcp.apidoc.facts import encode, endpoint_facts, facts_only, schema_facts, without_prose


def test_a_boolean_is_true_or_not_there() -> None:
    assert schema_facts({"optional": 1, "default_key": 0, "type": "string"}) == {"optional": True, "type": "string"}


def test_an_object_is_open_unless_it_says_otherwise() -> None:
    assert "additionalProperties" not in schema_facts({"additionalProperties": 1})
    assert schema_facts({"additionalProperties": 0}) == {"additionalProperties": False}


def test_keys_that_say_nothing_of_the_api_are_gone() -> None:
    assert schema_facts({"typetext": "<x>", "format_description": "x", "links": [], "title": "X", "new": 1}) == {}


def test_prose_is_left_out_at_every_depth_but_parameters_of_that_name_stay() -> None:
    info = {
        "description": "Words.",
        "permissions": {"description": "More words.", "user": "all"},
        "parameters": {
            "properties": {
                "description": {"type": "string", "description": "Words."},
                "properties": {"type": "array", "items": {"type": "string", "description": "Words."}},
            },
            "oneOf": [
                {"description": "Words.", "properties": {"default": {"type": "string", "description": "Words."}}}
            ],
        },
        "returns": {"type": "string", "format": {"format": {"type": "string", "description": "Words."}}},
    }

    facts = without_prose(endpoint_facts("GET", "/it", info))

    assert "ords" not in json.dumps(facts)
    assert facts["permissions"] == {"user": "all"}
    assert facts["parameters"]["properties"] == {
        "description": {"type": "string"},
        "properties": {"type": "array", "items": {"type": "string"}},
    }
    assert facts["parameters"]["oneOf"][0]["properties"] == {"default": {"type": "string"}}
    assert facts["returns"]["format"] == {"format": {"type": "string"}}


def test_a_default_that_is_a_sentence_is_prose() -> None:
    assert without_prose({"default": "the limit of the datacenter"}) == {}
    assert without_prose({"default": "user, group"}) == {"default": "user, group"}
    assert without_prose({"default": 5}) == {"default": 5}


def test_a_line_starts_with_method_path_and_name_and_goes_on_in_the_order_of_the_alphabet() -> None:
    line = encode(endpoint_facts("PUT", "/it", {"name": "set", "protected": 1, "allowtoken": 0}))

    assert line == (
        b'{"method":"PUT","path":"/it","name":"set",'
        b'"allowtoken":false,"parameters":{"type":"object"},"protected":true,"returns":{}}'
    )


def test_a_line_without_prose_stays_as_it_is() -> None:
    line = encode(endpoint_facts("GET", "/it", {"name": "it", "description": "Words."}))

    assert facts_only(facts_only(line)) == facts_only(line) != line
