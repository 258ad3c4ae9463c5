// SPDX-License-Identifier: Apache-2.0
package dev.fairway.dns.corefile;

import dev.fairway.net.IpAddress;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/// Reads single words.
final class Values {
  private static final int DNS_PORT = 53;
  static final int TLS_PORT = 853;

  private Values() {}

  static int number(Statement at, String word, int least, int most) {
    try {
      int number = Integer.parseInt(word);
      if (number >= least && number <= most) {
        return number;
      }
    } catch (NumberFormatException e) {
      // As below.
    }
    throw at.wrong(word + " is no number from " + least + " to " + most);
  }

  /// `30s`, `5m`, `1h`, `250ms`
  static Duration duration(Statement at, String word) {
    int end = 0;
    while (end < word.length() && Character.isDigit(word.charAt(end))) {
      end++;
    }
    if (end > 0 && end <= 9) {
      long number = Long.parseLong(word.substring(0, end));
      switch (word.substring(end)) {
        case "ms" -> {
          return Duration.ofMillis(number);
        }
        case "s" -> {
          return Duration.ofSeconds(number);
        }
        case "m" -> {
          return Duration.ofMinutes(number);
        }
        case "h" -> {
          return Duration.ofHours(number);
        }
        default -> {}
      }
    }
    throw at.wrong(word + " is no duration such as 30s, 5m or 1h");
  }

  /// A name in lower case without a dot at its end, `.` for the root.
  static String zone(Statement at, String word) {
    String lower = word.toLowerCase(Locale.ROOT);
    String zone = lower.length() > 1 && lower.endsWith(".") ? cut(lower) : lower;
    if (zone.isEmpty() || zone.length() > 253 || (zone.startsWith(".") && zone.length() > 1)) {
      throw at.wrong("\"" + word + "\" is no domain");
    }
    for (String label : zone.split("\\.", -1)) {
      if (zone.length() > 1 && (label.isEmpty() || label.length() > 63)) {
        throw at.wrong("\"" + word + "\" is no domain");
      }
    }
    return zone;
  }

  private static String cut(String text) {
    return text.substring(0, text.length() - 1);
  }

  static IpAddress address(Statement at, String word) {
    try {
      return IpAddress.parse(word);
    } catch (IllegalArgumentException e) {
      throw at.wrong(word + " is no address");
    }
  }

  /// `tls://10.0.0.1`, `10.0.0.1`, `10.0.0.1:5353`, `[fd00::1]:5353`, `fd00::1`
  static InetSocketAddress upstream(Statement at, String word) {
    if (word.startsWith("tls://")) {
      return socketAddress(at, word.substring(6), TLS_PORT);
    }
    String rest = word.startsWith("dns://") ? word.substring(6) : word;
    if (rest.contains("://")) {
      throw at.wrong(word + ": resolvers are asked over UDP, TCP and TLS only");
    }
    return socketAddress(at, rest, DNS_PORT);
  }

  private static InetSocketAddress socketAddress(Statement at, String word, int usualPort) {
    int colon = word.lastIndexOf(':');
    boolean hasPort =
        colon >= 0
            && (word.charAt(0) == '[' ? word.charAt(colon - 1) == ']' : word.indexOf(':') == colon);
    int port = hasPort ? number(at, word.substring(colon + 1), 1, 65_535) : usualPort;
    String host = hasPort ? word.substring(0, colon) : word;
    if (host.startsWith("[") && host.endsWith("]")) {
      host = host.substring(1, host.length() - 1);
    }
    if (host.isEmpty()) {
      return new InetSocketAddress(port);
    }
    String address = host.equals("localhost") ? "127.0.0.1" : host;
    return new InetSocketAddress(address(at, address).toInetAddress(), port);
  }

  /// Where an HTTP endpoint is, by the directive's only word.
  static InetSocketAddress at(Statement directive, int usualPort) {
    return directive.arguments().isEmpty()
        ? new InetSocketAddress(usualPort)
        : socketAddress(directive, directive.only(), usualPort);
  }

  /// The resolvers of a resolv.conf.
  static List<InetSocketAddress> nameServers(List<String> lines) {
    List<InetSocketAddress> servers = new ArrayList<>();
    for (String line : lines) {
      String[] words = line.strip().split("\\s+");
      if (words.length > 1 && words[0].equals("nameserver") && words[1].indexOf('%') < 0) {
        try {
          servers.add(new InetSocketAddress(IpAddress.parse(words[1]).toInetAddress(), DNS_PORT));
        } catch (IllegalArgumentException e) {
          // As the C library does: a line that it cannot read is passed over.
        }
      }
    }
    return servers;
  }
}
