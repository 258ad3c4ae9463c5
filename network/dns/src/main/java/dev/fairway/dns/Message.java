// SPDX-License-Identifier: Apache-2.0
package dev.fairway.dns;

import java.util.ArrayList;
import java.util.List;

/// A whole message read into values: what an upstream answers.
record Message(
    int id,
    int flags,
    List<Question> questions,
    List<ResourceRecord> answers,
    List<ResourceRecord> authorities,
    List<ResourceRecord> extras) {
  /// One entry of the question section.
  record Question(Name name, int type, int questionClass) {}

  private static final int MIN_RECORD_BYTES = 11;

  Message {
    questions = List.copyOf(questions);
    answers = List.copyOf(answers);
    authorities = List.copyOf(authorities);
    extras = List.copyOf(extras);
  }

  /// Reads the first `length` octets; octets after the last record are ignored.
  static Message read(byte[] octets, int length) throws MalformedMessage {
    WireReader reader = new WireReader(octets, length);
    int id = reader.u16();
    int flags = reader.u16();
    int questionCount = reader.u16();
    int answerCount = reader.u16();
    int authorityCount = reader.u16();
    int extraCount = reader.u16();
    if (questionCount > 1) {
      throw new MalformedMessage("more than one question", 4);
    }
    List<Question> questions = new ArrayList<>();
    for (int i = 0; i < questionCount; i++) {
      questions.add(new Question(reader.name(), reader.u16(), reader.u16()));
    }
    return new Message(
        id,
        flags,
        questions,
        section(reader, answerCount),
        section(reader, authorityCount),
        section(reader, extraCount));
  }

  private static List<ResourceRecord> section(WireReader reader, int count)
      throws MalformedMessage {
    // A count is the sender's word; the octets that are left are the bound.
    if (count > reader.remaining() / MIN_RECORD_BYTES) {
      throw new MalformedMessage("a section of " + count + " records", reader.position());
    }
    List<ResourceRecord> records = new ArrayList<>(count);
    for (int i = 0; i < count; i++) {
      records.add(reader.record());
    }
    return records;
  }

  boolean isResponse() {
    return (flags & 0x8000) != 0;
  }

  boolean isTruncated() {
    return (flags & 0x0200) != 0;
  }

  /// The response code without the OPT record's part.
  int responseCode() {
    return flags & 15;
  }
}
