"""The command ``openmimc``: what an operator types. Starts servers, changes what they keep; holds no rules."""
