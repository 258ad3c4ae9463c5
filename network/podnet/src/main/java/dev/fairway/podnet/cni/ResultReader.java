// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.cni;

import dev.fairway.net.IpAddress;
import dev.fairway.net.IpFamily;
import dev.fairway.net.Prefix;
import dev.fairway.podnet.cni.CniException.Code;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/// Reads the result of another plugin, of any version: `prevResult` of a chain, or what a delegate
/// for addresses printed.
final class ResultReader {
  private ResultReader() {}

  /// Reads a result.
  ///
  /// @param fallback the version where the result itself names none, as libraries before 0.4.0
  static CniResult read(JsonFields result, CniVersion fallback) throws CniException {
    String named = result.text("cniVersion");
    CniVersion version = fallback;
    if (!named.isEmpty()) {
      version =
          CniVersion.of(named)
              .orElseThrow(() ->
                  new CniException(
                      Code.INCOMPATIBLE_VERSION,
                      result.path("cniVersion") + " is none of " + CniVersion.list(),
                      named));
    }
    CniResult.Dns dns = dns(result.object("dns"));
    return version.hasLists() ? readLists(result, dns) : readFamilies(result, dns);
  }

  private static CniResult readLists(JsonFields result, CniResult.Dns dns) throws CniException {
    List<CniResult.Interface> interfaces = new ArrayList<>();
    for (JsonFields link : result.objects("interfaces")) {
      interfaces.add(
          new CniResult.Interface(
              link.text("name"),
              link.text("mac"),
              (int) link.number("mtu", Integer.MAX_VALUE),
              link.text("sandbox"),
              link.text("socketPath"),
              link.text("pciID")));
    }
    List<CniResult.Address> addresses = new ArrayList<>();
    for (JsonFields ip : result.objects("ips")) {
      Optional<Integer> link = ip.optionalNumber("interface");
      if (link.isPresent() && link.get() >= interfaces.size()) {
        throw new CniException(
            Code.INVALID_CONFIG,
            ip.path("interface") + " is beyond the list of interfaces",
            link.get().toString());
      }
      addresses.add(address(ip, "address", link));
    }
    return new CniResult(interfaces, addresses, routes(result), dns);
  }

  /// The form of 0.1.0 and 0.2.0.
  private static CniResult readFamilies(JsonFields result, CniResult.Dns dns) throws CniException {
    List<CniResult.Address> addresses = new ArrayList<>();
    List<CniResult.Route> routes = new ArrayList<>();
    for (IpFamily family : IpFamily.values()) {
      Optional<JsonFields> part = result.object("ip" + family.version());
      if (part.isPresent()) {
        addresses.add(address(part.get(), "ip", Optional.empty()));
        routes.addAll(routes(part.get()));
      }
    }
    return new CniResult(List.of(), addresses, routes, dns);
  }

  private static CniResult.Address address(JsonFields ip, String name, Optional<Integer> link)
      throws CniException {
    String text = ip.text(name);
    Optional<IpAddress> gateway = ip.address("gateway");
    try {
      Prefix network = Prefix.parse(text);
      IpAddress address = IpAddress.parse(text.substring(0, text.indexOf('/')));
      return new CniResult.Address(address, network.length(), gateway, link);
    } catch (IllegalArgumentException e) {
      throw new CniException(Code.INVALID_CONFIG, ip.path(name) + ": " + e.getMessage(), "");
    }
  }

  private static List<CniResult.Route> routes(JsonFields of) throws CniException {
    List<CniResult.Route> routes = new ArrayList<>();
    for (JsonFields route : of.objects("routes")) {
      Prefix destination;
      try {
        destination = Prefix.parse(route.text("dst"));
      } catch (IllegalArgumentException e) {
        throw new CniException(Code.INVALID_CONFIG, route.path("dst") + ": " + e.getMessage(), "");
      }
      routes.add(
          new CniResult.Route(
              destination,
              route.address("gw"),
              (int) route.number("mtu", Integer.MAX_VALUE),
              (int) route.number("advmss", Integer.MAX_VALUE),
              (int) route.number("priority", Integer.MAX_VALUE),
              route.optionalNumber("table"),
              route.optionalNumber("scope")));
    }
    return routes;
  }

  static CniResult.Dns dns(Optional<JsonFields> dns) throws CniException {
    return dns.isEmpty()
        ? CniResult.Dns.NONE
        : new CniResult.Dns(
            dns.get().texts("nameservers"),
            dns.get().text("domain"),
            dns.get().texts("search"),
            dns.get().texts("options"));
  }
}
