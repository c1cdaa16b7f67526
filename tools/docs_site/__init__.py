"""The documentation as a site: what MkDocs cannot do alone."""
