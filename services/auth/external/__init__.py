"""Sign-in through identity providers: OAuth 2.0 and OpenID Connect."""
