"""Makes ``txcdp.domains`` of the protocol's own description: ``python -m txcdp.codegen``.

The description, ``protocol/*.json``, is the npm package ``devtools-protocol``, unchanged. From there
it goes downwards: :mod:`.schema` reads it, :mod:`.names` chooses Python's names, :mod:`.model` the
Python types, :mod:`.text` the prose, :mod:`.render` and :mod:`.package` write modules, and
:mod:`.output` puts them on disk or compares. :mod:`.diff` says how two descriptions differ.
"""
