"""The models port and its adapters: everything that can answer a chat request, and what guards it."""
