// SPDX-License-Identifier: Apache-2.0
package dev.fairway.linux;

import dev.fairway.linux.NetlinkSocket.Answer;
import dev.fairway.linux.RouteRequest.AddBridge;
import dev.fairway.linux.RouteRequest.AddVeth;
import dev.fairway.linux.RouteRequest.AddVxlan;
import dev.fairway.net.IpFamily;
import java.util.ArrayList;
import java.util.List;

/// Finds out what the running kernel lacks by trying it, in a namespace made for that.
public final class KernelFeatures {
  private static final int NFTABLES_NEWTABLE = 10 << 8;
  private static final int BATCH_BEGIN = 16;
  private static final int BATCH_END = 17;

  private KernelFeatures() {}

  /// One sentence for each feature that is missing, saying what to do; empty if all is well.
  public static List<String> missing() {
    if (!LinuxUser.isRoot()) {
      return List.of("This needs root: run it with sudo.");
    }
    List<String> missing = new ArrayList<>();
    try (NetworkNamespace namespace = NetworkNamespace.createAnonymous();
        RouteNetlink links = RouteNetlink.open(namespace)) {
      probe(missing, "VETH", "veth", () -> links.apply(veth()));
      probe(missing, "BRIDGE", "bridge", () -> links.apply(new AddBridge(LinkSpec.named("b"))));
      Vxlan settings = new Vxlan(1, 4789, null, 0, false);
      probe(
          missing,
          "VXLAN",
          "vxlan",
          () -> links.apply(new AddVxlan(LinkSpec.named("x"), settings)));
      probe(missing, "NF_TABLES", "nf_tables", () -> addTable(namespace));
    } catch (KernelException e) {
      missing.add(
          "This kernel has no network namespaces (CONFIG_NET_NS), or this machine forbids them: "
              + e.getMessage()
              + ".");
    }
    return missing;
  }

  /// Whether TCP segments can be signed by TCP-AO (RFC 5925; Linux 6.7, `CONFIG_TCP_AO`).
  public static boolean hasTcpAo() {
    try (Fd fd = InetSocket.open(IpFamily.IPV4, InetSocket.STREAM, SocketSettings.NONE)) {
      // Half a key is refused everywhere, but only a kernel without keys does not know the
      // option.
      return InetSocket.tryOption(fd, InetSocket.SOL_TCP, TcpKeys.TCP_AO_ADD_KEY, new byte[4])
          != Errno.ENOPROTOOPT;
    }
  }

  private static RouteRequest veth() {
    return new AddVeth(LinkSpec.named("v0"), LinkSpec.named("v1"));
  }

  private static void probe(List<String> missing, String option, String module, Runnable attempt) {
    try {
      attempt.run();
    } catch (KernelException e) {
      missing.add(
          "This kernel has no "
              + module
              + " (CONFIG_"
              + option
              + "): load it with `modprobe "
              + module
              + "`, or boot a kernel that has it. It said: "
              + Errno.name(e.errno())
              + ".");
    }
  }

  private static void addTable(NetworkNamespace namespace) {
    try (NetlinkSocket socket = NetlinkSocket.open(namespace, NetlinkSocket.NETFILTER)) {
      NetlinkWriter out = socket.writer();
      marker(out, BATCH_BEGIN);
      out.begin(NFTABLES_NEWTABLE, 0x404);
      out.u32(1);
      out.attributeText(1, "probe");
      out.end();
      marker(out, BATCH_END);
      for (Answer answer : socket.exchange(out)) {
        if (answer.errno() != 0) {
          throw new KernelException("NFT_MSG_NEWTABLE", answer.errno(), "probe", answer.reason());
        }
      }
    }
  }

  private static void marker(NetlinkWriter out, int type) {
    out.begin(type, 0);
    out.u8(0);
    out.u8(0);
    out.bigEndian16(10);
    out.end();
  }
}
