// SPDX-License-Identifier: Apache-2.0
package dev.fairway.traffic.iptables;

import dev.fairway.net.Protocol;
import dev.fairway.net.TransportAddress;
import dev.fairway.traffic.rules.ServicePortName;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Locale;
import java.util.Set;

/// The names of kube-proxy's chains. A name has at most 28 characters, so ports and endpoints are
/// in it as the first 80 bits of a SHA-256, in the letters of RFC 4648, section 6.
final class KubeChains {
  static final String SERVICES = "KUBE-SERVICES";
  static final String EXTERNAL_SERVICES = "KUBE-EXTERNAL-SERVICES";
  static final String NODE_PORTS = "KUBE-NODEPORTS";
  static final String POSTROUTING = "KUBE-POSTROUTING";
  static final String MARK_MASQ = "KUBE-MARK-MASQ";
  static final String FORWARD = "KUBE-FORWARD";
  static final String FIREWALL = "KUBE-PROXY-FIREWALL";
  static final String CANARY = "KUBE-PROXY-CANARY";

  private static final Set<String> SHARED =
      Set.of(
          SERVICES,
          EXTERNAL_SERVICES,
          NODE_PORTS,
          POSTROUTING,
          MARK_MASQ,
          FORWARD,
          FIREWALL,
          CANARY);

  private static final String LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  private static final int LENGTH = 16;

  private KubeChains() {}

  /// Whether a chain is one that kube-proxy would make; the kubelet's are not.
  static boolean isOurs(String chain) {
    return SHARED.contains(chain)
        || chain.startsWith("KUBE-SVC-")
        || chain.startsWith("KUBE-SVL-")
        || chain.startsWith("KUBE-EXT-")
        || chain.startsWith("KUBE-FW-")
        || chain.startsWith("KUBE-SEP-");
  }

  /// Whether all ports have rules in it.
  static boolean isShared(String chain) {
    return SHARED.contains(chain);
  }

  static String cluster(ServicePortName name, Protocol protocol) {
    return "KUBE-SVC-" + digest(name + word(protocol));
  }

  static String local(ServicePortName name, Protocol protocol) {
    return "KUBE-SVL-" + digest(name + word(protocol));
  }

  static String external(ServicePortName name, Protocol protocol) {
    return "KUBE-EXT-" + digest(name + word(protocol));
  }

  static String firewall(ServicePortName name, Protocol protocol) {
    return "KUBE-FW-" + digest(name + word(protocol));
  }

  static String endpoint(ServicePortName name, Protocol protocol, TransportAddress endpoint) {
    return "KUBE-SEP-" + digest(name + word(protocol) + endpoint);
  }

  static String word(Protocol protocol) {
    return protocol.name().toLowerCase(Locale.ROOT);
  }

  private static String digest(String text) {
    try {
      byte[] hash =
          MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8));
      StringBuilder letters = new StringBuilder(LENGTH);
      for (int i = 0; i < LENGTH; i++) {
        int bit = 5 * i;
        int both = ((hash[bit / 8] & 0xff) << 8) | (hash[bit / 8 + 1] & 0xff);
        letters.append(LETTERS.charAt((both >> (11 - bit % 8)) & 31));
      }
      return letters.toString();
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every JDK has SHA-256", e);
    }
  }
}
