"""Makes ``txcdp.domains`` of the protocol's own description: ``python -m txcdp.codegen``.

The description, ``protocol/*.json``, is the npm package ``devtools-protocol``, unchanged. From there it goes downwards:
:mod:`.schema` reads it, ``_names`` chooses Python's names, ``_model`` the Python types, ``_text`` the prose;
``_render`` and ``_package`` write modules, and ``_output`` puts them on disk or compares.
:mod:`.diff` says how two descriptions differ.
"""
