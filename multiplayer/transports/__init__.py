"""The doors to the network: WebSocket, SSE with POST, and plain HTTP, all before the same pod."""
