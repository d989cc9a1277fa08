"""The rules: who may do what, what is stored, what is delivered when.

Says in ``ports`` what it needs from the outside. Knows no bytes on the wire, no protobuf, no HTTP, no SQL.
"""
