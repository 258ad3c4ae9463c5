// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet;

import dev.fairway.linux.KernelException;
import dev.fairway.linux.NetworkNamespace;
import dev.fairway.linux.Sysctls;
import dev.fairway.net.IpFamily;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/// The kernel settings that make a machine a router of pods' packets.
final class ForwardingSysctls {
  private static final String STRICT = "1";
  private static final String LOOSE = "2";

  private ForwardingSysctls() {}

  static void write(NetworkNamespace machine, String underlay, List<IpFamily> families) {
    Map<String, String> wanted = new LinkedHashMap<>();
    wanted.put("net.ipv4.ip_forward", "1");
    // While nodes change backends one after the other, packets come in by one way and go out by
    // another, which the strict check takes for spoofed.
    for (String link : List.of("all", underlay)) {
      String name = reversePathFilter(link);
      if (STRICT.equals(read(machine, name))) {
        wanted.put(name, LOOSE);
      }
    }
    if (families.contains(IpFamily.IPV6)) {
      // A router believes no advertisements of other routers unless told to (accept_ra of
      // Documentation/networking/ip-sysctl): the machine must not lose its own default route.
      String advertisements = "net/ipv6/conf/" + underlay + "/accept_ra";
      if (STRICT.equals(read(machine, advertisements))) {
        wanted.put(advertisements, LOOSE);
      }
      wanted.put("net.ipv6.conf.all.forwarding", "1");
    }
    Sysctls.write(machine, wanted);
  }

  /// As the links to other machines, for one that was made since: it began as `default` has it.
  static void loosen(NetworkNamespace machine, String link) {
    String name = reversePathFilter(link);
    if (STRICT.equals(read(machine, name))) {
      Sysctls.write(machine, Map.of(name, LOOSE));
    }
  }

  private static String reversePathFilter(String link) {
    return "net/ipv4/conf/" + link + "/rp_filter";
  }

  private static String read(NetworkNamespace machine, String name) {
    try {
      return Sysctls.read(machine, name);
    } catch (KernelException e) {
      return ""; // a kernel without it, or a link that is not there yet
    }
  }
}
