// SPDX-License-Identifier: Apache-2.0
package dev.fairway.kubelet.api;

import io.netty.handler.codec.http.QueryStringDecoder;
import java.time.DateTimeException;
import java.time.Instant;
import java.util.List;
import java.util.OptionalLong;

/// Which part of a log is asked for, from the parameters that `kubectl logs` sends.
///
/// @param tailLines how many of the last lines
/// @param since leaves older lines out
/// @param limitBytes how much at most
record LogRequest(
    boolean follow,
    boolean previous,
    boolean timestamps,
    OptionalLong tailLines,
    Instant since,
    OptionalLong limitBytes) {

  static LogRequest of(QueryStringDecoder query, Instant now) throws ApiProblem {
    Instant since = Instant.MIN;
    OptionalLong seconds = number(query, "sinceSeconds");
    String time = first(query, "sinceTime");
    if (seconds.isPresent()) {
      since = now.minusSeconds(seconds.getAsLong());
    } else if (!time.isEmpty()) {
      try {
        since = Instant.parse(time);
      } catch (DateTimeException e) {
        throw new ApiProblem(400, "sinceTime '" + time + "' is not an RFC 3339 time");
      }
    }
    return new LogRequest(
        flag(query, "follow"),
        flag(query, "previous"),
        flag(query, "timestamps"),
        number(query, "tailLines"),
        since,
        number(query, "limitBytes"));
  }

  static boolean flag(QueryStringDecoder query, String name) {
    String value = first(query, name);
    return value.equals("true") || value.equals("1");
  }

  static String first(QueryStringDecoder query, String name) {
    List<String> values = query.parameters().get(name);
    return values == null || values.isEmpty() ? "" : values.getFirst();
  }

  private static OptionalLong number(QueryStringDecoder query, String name) throws ApiProblem {
    String value = first(query, name);
    if (value.isEmpty()) {
      return OptionalLong.empty();
    }
    try {
      long number = Long.parseLong(value);
      if (number >= 0) {
        return OptionalLong.of(number);
      }
    } catch (NumberFormatException e) {
      throw new ApiProblem(400, name + " '" + value + "' is not a whole number");
    }
    throw new ApiProblem(400, name + " '" + value + "' must not be negative");
  }
}
