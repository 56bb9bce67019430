"""Model providers: the catalogue, the credentials, asking a model. Only this package knows a provider's library."""
