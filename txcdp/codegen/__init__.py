"""Generates ``txcdp.domains`` from the protocol's own description: ``python -m txcdp.codegen``.

The description, ``protocol/*.json``, is that of the npm package ``devtools-protocol``, unchanged. The modules form
layers: :mod:`.schema` reads the description, ``_names`` chooses the Python names, ``_model`` the Python types, and
``_text`` converts the prose; ``_render`` and ``_package`` generate the modules, and ``_output`` writes them to disk or
compares them. :mod:`.diff` reports how two descriptions differ.
"""
