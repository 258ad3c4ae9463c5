// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.cni;

import dev.fairway.net.IpAddress;
import dev.fairway.net.MacAddress;
import dev.fairway.net.Prefix;
import dev.fairway.net.Protocol;
import dev.fairway.podnet.cni.CniException.Code;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import tools.jackson.databind.JsonNode;

/// Reads `runtimeConfig`. Parts that are unknown are for other plugins of the chain.
final class CapabilitiesParser {
  private static final long HIGHEST_PORT = 65535;

  private CapabilitiesParser() {}

  static Capabilities parse(JsonFields config) throws CniException {
    Optional<JsonFields> given = config.object("runtimeConfig");
    if (given.isEmpty()) {
      return Capabilities.NONE;
    }
    JsonFields runtime = given.get();
    List<Capabilities.PortMapping> ports = new ArrayList<>();
    for (JsonFields port : runtime.objects("portMappings")) {
      if (port.number("hostPort", HIGHEST_PORT) != 0) { // 0 is how some say "none"
        ports.add(portMapping(port));
      }
    }
    return new Capabilities(
        ports,
        bandwidth(runtime),
        ipRanges(runtime),
        mac(runtime),
        runtime.texts("aliases"),
        dns(runtime));
  }

  private static Capabilities.PortMapping portMapping(JsonFields port) throws CniException {
    int containerPort = (int) port.number("containerPort", HIGHEST_PORT);
    if (containerPort == 0) {
      throw port.wrong("containerPort", "a port from 1 to 65535", port.node());
    }
    return new Capabilities.PortMapping(
        protocol(port),
        port.address("hostIP"),
        (int) port.number("hostPort", HIGHEST_PORT),
        containerPort);
  }

  private static Protocol protocol(JsonFields port) throws CniException {
    String text = port.text("protocol");
    if (text.isEmpty()) {
      return Protocol.TCP;
    }
    try {
      return Protocol.valueOf(text.toUpperCase(Locale.ROOT));
    } catch (IllegalArgumentException e) {
      throw new CniException(
          Code.INVALID_CONFIG, port.path("protocol") + " must be tcp, udp or sctp", text);
    }
  }

  private static Optional<Capabilities.Bandwidth> bandwidth(JsonFields runtime)
      throws CniException {
    Optional<JsonFields> limits = runtime.object("bandwidth");
    if (limits.isEmpty()) {
      return Optional.empty();
    }
    return Optional.of(
        new Capabilities.Bandwidth(
            limits.get().number("ingressRate", Long.MAX_VALUE),
            limits.get().number("ingressBurst", Long.MAX_VALUE),
            limits.get().number("egressRate", Long.MAX_VALUE),
            limits.get().number("egressBurst", Long.MAX_VALUE)));
  }

  private static List<List<Capabilities.IpRange>> ipRanges(JsonFields runtime) throws CniException {
    List<List<Capabilities.IpRange>> sets = new ArrayList<>();
    for (JsonNode set : runtime.list("ipRanges")) {
      String place = runtime.path("ipRanges") + "[" + sets.size() + "]";
      if (!set.isArray()) {
        throw runtime.wrong("ipRanges", "a list of lists", set);
      }
      List<Capabilities.IpRange> ranges = new ArrayList<>();
      for (JsonNode range : set) {
        if (!range.isObject()) {
          throw runtime.wrong("ipRanges", "a list of lists of objects", range);
        }
        ranges.add(ipRange(new JsonFields(range, place + "[" + ranges.size() + "]")));
      }
      sets.add(List.copyOf(ranges));
    }
    return sets;
  }

  private static Capabilities.IpRange ipRange(JsonFields range) throws CniException {
    Prefix subnet;
    try {
      subnet = Prefix.parse(range.text("subnet"));
    } catch (IllegalArgumentException e) {
      throw new CniException(Code.INVALID_CONFIG, range.path("subnet") + ": " + e.getMessage(), "");
    }
    for (String edge : List.of("rangeStart", "rangeEnd", "gateway")) {
      Optional<IpAddress> address = range.address(edge);
      if (address.isPresent() && !subnet.contains(address.get())) {
        throw new CniException(
            Code.INVALID_CONFIG, range.path(edge) + " is not in " + subnet, range.text(edge));
      }
    }
    return new Capabilities.IpRange(
        subnet, range.address("rangeStart"), range.address("rangeEnd"), range.address("gateway"));
  }

  private static Optional<MacAddress> mac(JsonFields runtime) throws CniException {
    String text = runtime.text("mac");
    if (text.isEmpty()) {
      return Optional.empty();
    }
    try {
      MacAddress mac = MacAddress.parse(text);
      boolean group = (mac.bits() >> 40 & 1) != 0;
      if (group || mac.bits() == 0) {
        throw new CniException(
            Code.INVALID_CONFIG, runtime.path("mac") + " must be of one interface", text);
      }
      return Optional.of(mac);
    } catch (IllegalArgumentException e) {
      throw new CniException(Code.INVALID_CONFIG, runtime.path("mac") + ": " + e.getMessage(), "");
    }
  }

  /// The capability has other names for the same things than a result.
  private static Optional<CniResult.Dns> dns(JsonFields runtime) throws CniException {
    Optional<JsonFields> dns = runtime.object("dns");
    if (dns.isEmpty()) {
      return Optional.empty();
    }
    return Optional.of(
        new CniResult.Dns(
            dns.get().texts("servers"),
            "",
            dns.get().texts("searches"),
            dns.get().texts("options")));
  }
}
