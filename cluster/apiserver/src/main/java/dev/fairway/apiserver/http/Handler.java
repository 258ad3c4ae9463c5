// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver.http;

/// What answers requests. Called on an event loop: it must hand blocking work to another thread.
public interface Handler {
  void handle(Exchange exchange);
}
