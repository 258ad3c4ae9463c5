// SPDX-License-Identifier: Apache-2.0
package dev.fairway.apiserver.http;

import java.net.InetSocketAddress;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/// One request, body included.
///
/// @param path as sent, percent-encoded, without the query
/// @param headers names in lower case
@SuppressWarnings("ArrayRecordComponent") // a body is read once; nobody changes it
public record Request(
    String method,
    String path,
    Query query,
    Map<String, List<String>> headers,
    byte[] body,
    InetSocketAddress remote) {

  /// The first value of a header, by its lower-case name.
  public Optional<String> header(String name) {
    List<String> values = headers.get(name);
    return values == null || values.isEmpty() ? Optional.empty() : Optional.of(values.getFirst());
  }

  /// True if one of the header's comma-separated values is this token, in any case.
  public boolean headerHas(String name, String token) {
    for (String line : headers.getOrDefault(name, List.of())) {
      for (String part : line.split(",")) {
        if (part.strip().equalsIgnoreCase(token)) {
          return true;
        }
      }
    }
    return false;
  }

  /// True if the client asks to leave HTTP for this protocol (`websocket`, `SPDY/3.1`).
  public boolean wantsUpgrade(String protocol) {
    return headerHas("connection", "upgrade") && headerHas("upgrade", protocol);
  }
}
