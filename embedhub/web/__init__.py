"""The edge: the NinjaAPI object, who asks, errors, paging, repeated requests, health, bodies."""
