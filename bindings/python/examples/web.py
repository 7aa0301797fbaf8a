# SPDX-License-Identifier: BSD-2-Clause
"""A web server with a probe at the start and at the end of each request.

    python3 web.py [PORT]
"""

import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import usdt

provider = usdt.Provider("web")
request_start = provider.probe("request-start", "char *", "char *")
request_done = provider.probe("request-done", "char *", "int", "uint64_t",
                              "json")


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        begin = time.perf_counter_ns()
        request_start.fire(self.command, self.path)
        status = 200 if self.path == "/" else 404
        self.send_response(status)
        self.end_headers()
        self.wfile.write(b"Hello\n" if status == 200 else b"Not here\n")
        # Nothing in the function is computed unless somebody traces.
        request_done.lazy(lambda: (
            self.path, status, time.perf_counter_ns() - begin,
            {"client": self.client_address[0],
             "agent": self.headers["User-Agent"]}))

    def log_message(self, *args):
        pass


if __name__ == "__main__":
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 8000
    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    with provider:
        print(f"http://127.0.0.1:{server.server_port}/", flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            pass
