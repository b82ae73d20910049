"""A host app with everything that an app can ask of its voice."""
