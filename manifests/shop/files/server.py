#!/usr/bin/env python3
"""The shop's web server: a page that says what runs here, and /healthz for the health check."""

import argparse
import html
import json
import os
import pathlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Shop(BaseHTTPRequestHandler):
    config = {}

    def do_GET(self):
        if self.path == "/healthz":
            told = {"status": "ok", "version": self.config["version"], "workers": self.config["workers"]}
            return self.answer("application/json", json.dumps(told))
        if self.path != "/":
            return self.send_error(404)
        rows = "".join(f"<dt>{html.escape(k)}<dd>{html.escape(str(v))}" for k, v in self.config.items())
        self.answer("text/html; charset=utf-8", f"<!doctype html><title>Shop</title><h1>Shop</h1><dl>{rows}</dl>")

    def answer(self, kind, text):
        body = text.encode()
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, form, *values):
        if self.config["logLevel"] == "debug":
            super().log_message(form, *values)


parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--config", type=pathlib.Path)
parser.add_argument("--init", type=pathlib.Path, help="write an empty order book and end")
arguments = parser.parse_args()
if arguments.init:
    beside = arguments.init.with_suffix(".new")
    beside.write_text('{"orders": []}\n')
    os.replace(beside, arguments.init)
else:
    Shop.config = json.loads(arguments.config.read_text())
    print(f"shop {Shop.config['version']} listens on {Shop.config['listen']}:{Shop.config['port']}")
    ThreadingHTTPServer((Shop.config["listen"], Shop.config["port"]), Shop).serve_forever()
