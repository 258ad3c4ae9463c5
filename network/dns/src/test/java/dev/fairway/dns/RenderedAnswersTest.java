// SPDX-License-Identifier: Apache-2.0
package dev.fairway.dns;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fairway.net.IpAddress;
import io.fabric8.kubernetes.api.model.Service;
import io.fabric8.kubernetes.api.model.discovery.v1.EndpointSlice;
import java.io.IOException;
import java.net.InetAddress;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/// What is copied must be what would have been worked out.
class RenderedAnswersTest {
  private static final Asker ASKER = new Asker(InetAddress.getLoopbackAddress(), false);
  private static final int[] TYPES = {
    RecordType.A,
    RecordType.AAAA,
    RecordType.SRV,
    RecordType.PTR,
    RecordType.TXT,
    RecordType.ANY,
    RecordType.SOA,
    65,
    97
  };

  private final Random random = new Random(20_260_401);
  private final DnsConfig config = Cluster.config("cluster.local", List.of());
  private final ClientPods clients = new ClientPods();
  private final ClusterNames names = new ClusterNames(config, clients);
  private ZoneFollower follower;
  private Answering answering;
  private List<String> asked;

  @BeforeEach
  void cluster() throws IOException {
    follower =
        new ZoneFollower(names.services(), 5, names.fixed(IpAddress.parse("10.32.0.10")), clients);
    answering =
        new Answering(names, follower::zone, new Forwarder(config), new DnsCounts(53), false);
    List<Service> services = new ArrayList<>();
    asked =
        new ArrayList<>(List.of("cluster.local", "dns-version.cluster.local", "svc.cluster.local"));
    for (int i = 0; i < 40; i++) {
      services.add(Cluster.clusterIp("team", "web-" + i, "10.32.1." + i, "fd00:32::" + i));
      asked.add("web-" + i + ".team.svc.cluster.local");
      asked.add("_http._tcp.web-" + i + ".team.svc.cluster.local");
      asked.add(i + ".1.32.10.in-addr.arpa");
      asked.add("10-200-0-" + i + ".team.pod.cluster.local");
    }
    services.add(Cluster.headless("team", "db"));
    services.add(Cluster.externalName("team", "alias", "web-1.team.svc.cluster.local"));
    asked.addAll(
        List.of("db.team.svc.cluster.local", "alias.team.svc.cluster.local", "no.cluster.local"));
    follower.changed(true, Cluster.added(services), Cluster.added(List.of(endpoints())));
  }

  private static EndpointSlice endpoints() {
    EndpointSlice slice = Cluster.slice("team", "db-1", "db");
    for (int i = 1; i <= 5; i++) {
      slice = Cluster.with(slice, "10.200.3." + i, null, true);
    }
    return slice;
  }

  /// What did not fit one asker is whole for the next.
  @Test
  void whatWasCutIsNotKept() {
    EndpointSlice slice = Cluster.slice("team", "db-1", "db");
    for (int i = 1; i <= 40; i++) {
      slice = Cluster.with(slice, "10.200.4." + i, null, true);
    }
    follower.changed(false, Map.of(), Cluster.added(List.of(slice)));
    RenderedAnswers rendered = answering.rendered();
    rendered.use(follower.zone());
    WireWriter writer = new WireWriter();
    for (int edns : new int[] {0, 20}) {
      byte[] query = query("db.team.svc.cluster.local", RecordType.A, 0, edns);
      answering.answer(ASKER, query, query.length, writer);
      rendered.keep(query, query.length, writer);
      assertThat(rendered.answer(Arrays.copyOf(query, 4096), query.length)).isZero();
    }
  }

  @Test
  void copiesWhatWouldHaveBeenWorkedOut() {
    RenderedAnswers rendered = answering.rendered();
    assertThat(rendered).isNotNull();
    rendered.use(follower.zone());
    WireWriter writer = new WireWriter();
    int copied = 0;
    for (int i = 0; i < 50_000; i++) {
      byte[] query = query();
      byte[] message = Arrays.copyOf(query, 4096);
      int length = rendered.answer(message, query.length);
      Answering.Step step = answering.answer(ASKER, query, query.length, writer);
      if (length > 0) {
        copied++;
        assertThat(turned(Arrays.copyOf(message, length)))
            .as(() -> "question " + Arrays.toString(query))
            .isEqualTo(turned(writer.toBytes()));
      } else {
        assertThat(Arrays.copyOf(message, query.length)).isEqualTo(query);
        if (step instanceof Answering.Step.Written(boolean forAll) && forAll) {
          rendered.keep(query, query.length, writer);
        }
      }
    }
    assertThat(copied).isGreaterThan(20_000);
  }

  /// Which address stands first may differ, but not which there are, nor anything else.
  private static Object turned(byte[] reply) {
    try {
      Message message = Message.read(reply, reply.length);
      return List.of(
          message.flags(),
          message.questions(),
          Set.copyOf(message.answers()),
          message.answers().size(),
          message.authorities(),
          message.extras(),
          message.answers().size() < 2 ? Arrays.hashCode(reply) : reply.length);
    } catch (MalformedMessage e) {
      throw new AssertionError(e);
    }
  }

  @Test
  void addressesTakeTurns() {
    RenderedAnswers rendered = answering.rendered();
    rendered.use(follower.zone());
    WireWriter writer = new WireWriter();
    Set<ResourceRecord> first = new HashSet<>();
    byte[] query = query("db.team.svc.cluster.local", RecordType.A, 0, 0);
    answering.answer(ASKER, query, query.length, writer);
    rendered.keep(query, query.length, writer);
    for (int id = 0; id < 5; id++) {
      byte[] message = Arrays.copyOf(query, 512);
      message[1] = (byte) id;
      int length = rendered.answer(message, query.length);
      assertThat(length).isPositive();
      try {
        Message reply = Message.read(message, length);
        assertThat(reply.answers()).hasSize(5);
        first.add(reply.answers().getFirst());
      } catch (MalformedMessage e) {
        throw new AssertionError(e);
      }
    }
    assertThat(first).hasSize(5);
  }

  @Test
  void anotherZoneForgets() {
    RenderedAnswers rendered = answering.rendered();
    rendered.use(follower.zone());
    WireWriter writer = new WireWriter();
    byte[] query = query("web-1.team.svc.cluster.local", RecordType.A, 0, 0);
    answering.answer(ASKER, query, query.length, writer);
    rendered.keep(query, query.length, writer);
    assertThat(rendered.answer(Arrays.copyOf(query, 512), query.length)).isPositive();
    follower.changed(
        false, Cluster.added(List.of(Cluster.clusterIp("team", "new", "10.32.9.9"))), Map.of());
    rendered.use(follower.zone());
    assertThat(rendered.answer(Arrays.copyOf(query, 512), query.length)).isZero();
  }

  @Test
  void nonsenseIsLeftAlone() {
    RenderedAnswers rendered = answering.rendered();
    rendered.use(follower.zone());
    WireWriter writer = new WireWriter();
    for (String name : asked) {
      byte[] query = query(name, RecordType.A, 0, 0);
      answering.answer(ASKER, query, query.length, writer);
      rendered.keep(query, query.length, writer);
    }
    for (int i = 0; i < 200_000; i++) {
      byte[] query = query();
      byte[] message = Arrays.copyOf(query, 4096);
      for (int j = random.nextInt(4); j >= 0; j--) {
        message[random.nextInt(query.length)] = (byte) random.nextInt();
      }
      int length = random.nextInt(query.length + 1);
      byte[] before = message.clone();
      int replied = rendered.answer(message, length);
      if (replied == 0) {
        assertThat(message).isEqualTo(before);
      } else {
        // Whatever is answered was a good query.
        assertThat(Query.read(before, length)).isInstanceOf(Query.Read.Asked.class);
        assertThat(replied).isLessThanOrEqualTo(512);
      }
    }
  }

  private byte[] query() {
    String name = asked.get(random.nextInt(asked.size()));
    StringBuilder spelled = new StringBuilder();
    for (int i = 0; i < name.length(); i++) {
      char c = name.charAt(i);
      spelled.append(random.nextInt(8) == 0 ? Character.toUpperCase(c) : c);
    }
    int type = TYPES[random.nextInt(TYPES.length)];
    int edns = random.nextInt(3) * 20;
    return query(random.nextInt(4) == 0 ? spelled.toString() : name, type, random.nextInt(), edns);
  }

  /// @param bits id and which flags are set
  /// @param edns octets of options, 0 for no OPT record
  private static byte[] query(String name, int type, int bits, int edns) {
    WireWriter writer = new WireWriter();
    writer.u16(bits & 0xffff);
    writer.u16((bits >>> 16 & 1) << 8 | (bits >>> 17 & 1) << 4 | (bits >>> 18 & 1) << 5);
    writer.u16(1);
    writer.u16(0);
    writer.u16(0);
    writer.u16(edns > 0 ? 1 : 0);
    writer.bytes(Name.parse(name).wire());
    writer.u16(type);
    writer.u16(1);
    if (edns > 0) {
      writer.u8(0);
      writer.u16(RecordType.OPT);
      writer.u16(512 + (bits >>> 20));
      writer.i32((bits >>> 19 & 1) << 15);
      byte[] options = new byte[edns];
      options[1] = 10;
      options[3] = (byte) (edns - 4);
      writer.u16(options.length);
      writer.bytes(options);
    }
    return writer.toBytes();
  }
}
