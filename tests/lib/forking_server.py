"""A server whose worker holds the socket, as uvicorn's does under MLflow."""

import os
import sys
import time
from http.server import HTTPServer, SimpleHTTPRequestHandler

if __name__ == "__main__":
    server = HTTPServer(("127.0.0.1", int(sys.argv[1])), SimpleHTTPRequestHandler)
    if os.fork() == 0:
        server.serve_forever()
    time.sleep(600)
