// SPDX-License-Identifier: Apache-2.0
package dev.fairway.linux.nft;

import dev.fairway.linux.Errno;
import dev.fairway.linux.KernelException;
import dev.fairway.linux.NetlinkReader;
import dev.fairway.linux.NetlinkSocket;
import dev.fairway.linux.NetlinkSocket.Answer;
import dev.fairway.linux.NetlinkWriter;
import dev.fairway.linux.NetworkNamespace;
import dev.fairway.linux.NftTransactions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// The nf_tables of one network namespace. Keep one open for the life of its user: closing the
/// socket waits for what the kernel still has to free.
public final class NfTables implements AutoCloseable {
  /// What [#applyIf] throws where somebody else changed something in between.
  public static final int ERESTART = 85;

  /// `NFTA_TABLE_FLAGS`, and `NFT_TABLE_F_DORMANT` in it (linux/netfilter/nf_tables.h).
  private static final int TABLE_FLAGS = 2;

  private static final int DORMANT = 1;
  private static final int BATCH_BEGIN = 16;
  private static final int BATCH_END = 17;
  private static final int ACK = 4;
  static final int DUMP = 0x300;

  private final NetlinkSocket socket;

  /// How often a transaction gives way to others' before it is carried out among them.
  private static final int ATTEMPTS = 10;

  private final NftTransactions own;

  private NfTables(NetlinkSocket socket, NftTransactions own) {
    this.socket = socket;
    this.own = own;
  }

  /// Works on the namespace that the calling thread is in.
  public static NfTables open() {
    return new NfTables(NetlinkSocket.open(NetlinkSocket.NETFILTER), new NftTransactions());
  }

  /// Works on the given namespace. What is changed by the same handle is not [#strangers]'.
  public static NfTables open(NetworkNamespace namespace) {
    return new NfTables(
        NetlinkSocket.open(namespace, NetlinkSocket.NETFILTER), namespace.nftTransactions());
  }

  /// Carries out all requests as one transaction: packets see the rules before it or after it.
  ///
  /// @throws KernelException about the first request that failed; nothing has changed then
  public void apply(List<? extends NftRequest> requests) {
    synchronized (own) {
      for (int attempt = 1; attempt <= ATTEMPTS; attempt++) {
        try {
          applyIf(strangers(), requests);
          return;
        } catch (KernelException e) {
          if (e.errno() != ERESTART) {
            throw e;
          }
        }
      }
      send(requests, null);
    }
  }

  /// As [#apply], but only if no stranger has changed any table of the namespace.
  ///
  /// @param strangers what [#strangers] said when the caller's picture was right
  /// @throws KernelException with [#ERESTART] if somebody has
  public void applyIf(long strangers, List<? extends NftRequest> requests) {
    synchronized (own) {
      int before = generation();
      if (own.see(before) != strangers) {
        throw new KernelException(
            "NFNL_MSG_BATCH", ERESTART, "the whole transaction", "others changed the rules");
      }
      if (!requests.isEmpty()) {
        send(requests, before);
        own.made(before == -1 ? 1 : before + 1);
      }
    }
  }

  /// How often others were seen to have changed any table of the namespace: grows. Others are those
  /// that do not use the same handle of the namespace.
  public long strangers() {
    synchronized (own) {
      return own.see(generation());
    }
  }

  /// Has another program change tables for us: what the generation grows by meanwhile is not
  /// [#strangers]'.
  public void asOurs(Runnable change) {
    synchronized (own) {
      own.see(generation());
      try {
        change.run();
      } finally {
        own.made(generation());
      }
    }
  }

  /// What packets have put into a map, and how long it will stay there. Nothing if there is no such
  /// map, or one of another shape.
  public List<NftRequest.Remembered> remembered(NftSet map) {
    NetlinkWriter out = socket.writer();
    NftWire.begin(out, NftWire.GETSETELEM, DUMP, map.table());
    out.attributeText(1, map.table().name());
    out.attributeText(2, map.name());
    out.end();
    List<NftRequest.Remembered> found = new ArrayList<>();
    try {
      socket.dump(
          out,
          found::clear,
          (type, payload) -> {
            if (type == NftWire.NEWSETELEM) {
              payload.attributes(
                  4,
                  (attribute, list) -> {
                    if (attribute == 3) {
                      list.attributes(
                          0,
                          (number, element) -> {
                            NftRequest.Remembered one = remembered(element);
                            if (one.fits(map)) {
                              found.add(one);
                            }
                          });
                    }
                  });
            }
          });
    } catch (KernelException e) {
      if (e.errno() == Errno.ENOENT) {
        return List.of();
      }
      throw e;
    }
    return found;
  }

  /// `NFTA_SET_ELEM_*`
  private static NftRequest.Remembered remembered(NetlinkReader element) {
    byte[][] parts = {new byte[0], new byte[0]};
    long[] millis = new long[2];
    element.attributes(
        0,
        (attribute, value) -> {
          switch (attribute) {
            case 1, 2 ->
                value.attributes(
                    0,
                    (inner, bytes) -> {
                      if (inner == 1) {
                        parts[attribute - 1] = bytes.bytes();
                      }
                    });
            case 4, 5 -> millis[attribute - 4] = value.bigEndian64(0);
            default -> {}
          }
        });
    return new NftRequest.Remembered(
        NftValue.octets(parts[0]),
        NftValue.octets(parts[1]),
        Duration.ofMillis(millis[0]),
        Duration.ofMillis(millis[1]));
  }

  private void send(List<? extends NftRequest> requests, @Nullable Integer generation) {
    NetlinkWriter out = socket.writer(4096);
    List<NftRequest> ofMessage = new ArrayList<>();
    marker(out, BATCH_BEGIN, generation);
    int setId = 0;
    for (NftRequest request : requests) {
      NftWire.write(out, request, ++setId);
      while (ofMessage.size() < out.messages() - 1) {
        ofMessage.add(request);
      }
    }
    // One acknowledgement, for the last message: it comes only after the transaction is through.
    out.addFlags(out.messages() - 1, ACK);
    marker(out, BATCH_END, null);
    boolean through = false;
    for (Answer answer : socket.exchange(out)) {
      if (answer.errno() != 0) {
        throw refused(answer, ofMessage);
      }
      through = true;
    }
    if (!through) {
      throw new KernelException("recv", Errno.ENOBUFS, "the answer to an nf_tables transaction");
    }
  }

  private static KernelException refused(Answer answer, List<NftRequest> ofMessage) {
    int place = answer.message() - 1;
    if (place < 0 || place >= ofMessage.size()) {
      return new KernelException(
          "NFNL_MSG_BATCH", answer.errno(), "the whole transaction", answer.reason());
    }
    NftRequest request = ofMessage.get(place);
    return new KernelException(
        NftWire.call(request), answer.errno(), request.toString(), answer.reason());
  }

  private static void marker(NetlinkWriter out, int type, @Nullable Integer generation) {
    out.begin(type, 0);
    NftWire.header(out, 0, 10);
    if (generation != null) {
      out.attributeBigEndian32(1, generation);
    }
    out.end();
  }

  /// A number that grows with every transaction of anybody in this namespace.
  private int generation() {
    NetlinkWriter out = socket.writer();
    out.begin(NftWire.GETGEN, 0);
    NftWire.header(out, 0, 0);
    out.end();
    int[] generation = new int[1];
    List<Answer> answers =
        socket.exchange(
            out,
            (type, payload) -> {
              if (type == NftWire.NEWGEN) {
                payload.attributes(
                    4,
                    (attribute, value) -> {
                      if (attribute == 1) {
                        generation[0] = value.bigEndian32(0);
                      }
                    });
              }
            });
    for (Answer answer : answers) {
      throw new KernelException(
          "NFT_MSG_GETGEN", answer.errno(), "the generation", answer.reason());
    }
    return generation[0];
  }

  /// Every table of the namespace that is of a family known here.
  public List<NftTable> tables() {
    NetlinkWriter out = socket.writer();
    out.begin(NftWire.GETTABLE, DUMP);
    NftWire.header(out, 0, 0);
    out.end();
    List<NftTable> tables = new ArrayList<>();
    socket.dump(
        out,
        tables::clear,
        (type, payload) -> {
          if (type == NftWire.NEWTABLE) {
            payload.attributes(
                4,
                (attribute, value) -> {
                  if (attribute == 1) {
                    add(tables, payload.u8(0), value.text());
                  }
                });
          }
        });
    return tables;
  }

  /// The tables that somebody has put to sleep (`NFT_TABLE_F_DORMANT`): their chains see no packet.
  private List<NftTable> dormant() {
    NetlinkWriter out = socket.writer();
    out.begin(NftWire.GETTABLE, DUMP);
    NftWire.header(out, 0, 0);
    out.end();
    List<NftTable> dormant = new ArrayList<>();
    socket.dump(
        out,
        dormant::clear,
        (type, payload) -> {
          if (type == NftWire.NEWTABLE) {
            String[] name = {""};
            boolean[] sleeps = {false};
            payload.attributes(
                4,
                (attribute, value) -> {
                  if (attribute == 1) {
                    name[0] = value.text();
                  } else if (attribute == TABLE_FLAGS) {
                    sleeps[0] = (value.bigEndian32(0) & DORMANT) != 0;
                  }
                });
            if (sleeps[0]) {
              add(dormant, payload.u8(0), name[0]);
            }
          }
        });
    return dormant;
  }

  private static void add(List<NftTable> tables, int family, String name) {
    for (NftTable.Family known : NftTable.Family.values()) {
      if (known.number() == family && NftName.isPlain(name)) {
        tables.add(new NftTable(known, name));
      }
    }
  }

  /// The keys of a set or map; none if there is no such.
  public List<NftValue> keys(NftSet set) {
    try {
      return List.copyOf(NftDifferences.elements(socket, set.table(), set.name()).keySet());
    } catch (KernelException e) {
      if (e.errno() == Errno.ENOENT) {
        return List.of();
      }
      throw e;
    }
  }

  /// In what tables are not as they should be, in words, a few of them: for a log.
  ///
  /// @param whole the requests that make the tables as they should be
  public List<String> differences(List<? extends NftRequest> whole) {
    return NftDifferences.of(socket, tables(), dormant(), whole);
  }

  /// How many packets each named counter of a table has seen.
  public Map<String, Long> counters(NftTable table) {
    NetlinkWriter out = socket.writer();
    out.begin(NftWire.GETOBJ, DUMP);
    NftWire.header(out, table.family().number(), 0);
    out.attributeText(1, table.name());
    out.end();
    Map<String, Long> packets = new LinkedHashMap<>();
    socket.dump(
        out,
        packets::clear,
        (type, payload) -> {
          if (type == NftWire.NEWOBJ) {
            counter(payload, packets);
          }
        });
    return packets;
  }

  /// `NFTA_OBJ_*`, `NFTA_COUNTER_*`
  private static void counter(NetlinkReader object, Map<String, Long> packets) {
    String[] name = {""};
    long[] count = new long[1];
    object.attributes(
        4,
        (attribute, value) -> {
          if (attribute == 2) {
            name[0] = value.text();
          } else if (attribute == 4) {
            value.attributes(
                0,
                (inner, number) -> {
                  if (inner == 2) {
                    count[0] = number.bigEndian64(0);
                  }
                });
          }
        });
    packets.put(name[0], count[0]);
  }

  @Override
  public void close() {
    socket.close();
  }
}
