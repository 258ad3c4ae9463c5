// SPDX-License-Identifier: Apache-2.0
package dev.fairway.linux.bpf;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.fairway.linux.KernelException;
import dev.fairway.linux.LinkSpec;
import dev.fairway.linux.NetworkNamespace;
import dev.fairway.linux.RouteNetlink;
import dev.fairway.linux.RouteRequest;
import dev.fairway.linux.bpf.BpfInstruction.Condition;
import dev.fairway.linux.bpf.BpfInstruction.Register;
import dev.fairway.linux.bpf.BpfInstruction.Width;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;

final class BpfTest {
  private static final BpfMap.Spec<Integer, Integer> NUMBERS =
      new BpfMap.Spec<>(BpfMap.Kind.HASH, "numbers", BpfLayout.NUMBER, BpfLayout.NUMBER, 2);

  /// Lets a packet pass, and counts it in `counts`.
  private static BpfCode counting(int which) {
    return new BpfAssembler()
        .store(Width.WORD, Register.R10, -4, which)
        .loadMap(Register.R1, "counts")
        .move(Register.R2, Register.R10)
        .add(Register.R2, -4)
        .call(BpfFunction.MAP_LOOKUP_ELEM)
        .jumpIf(Register.R0, Condition.EQUAL, 0, "out")
        .move(Register.R1, 1)
        .atomicAdd(Width.LONG, Register.R0, 0, Register.R1)
        .label("out")
        .move(Register.R0, -1)
        .exit()
        .code();
  }

  @Test
  void codeReadsBack() {
    assertThat(counting(3).listing())
        .isEqualTo(
            """
              u32 [r10 - 4] = 3
              r1 = map counts
              r2 = r10
              r2 += -4
              call map_lookup_elem
              if r0 == 0 goto out
              r1 = 1
              atomic u64 [r0 + 0] += r1
            out:
              r0 = -1
              exit
            """);
  }

  @Test
  void jumpsMustLeadSomewhere() {
    assertThatThrownBy(() -> new BpfAssembler().jump("away").exit().code())
        .hasMessageContaining("away");
    assertThatThrownBy(() -> new BpfAssembler().label("a").label("a").exit().code())
        .hasMessageContaining("twice");
  }

  @Test
  void aRefusedProgramSaysWhatTheVerifierSaid() {
    BpfCode bad = new BpfAssembler().load(Width.LONG, Register.R0, Register.R5, 0).exit().code();
    assertThatThrownBy(() ->
            BpfProgram.load(BpfProgram.Kind.LINK_INGRESS, "bad", bad, new BpfProgram.Objects()))
        .isInstanceOf(KernelException.class)
        .hasMessageContaining("R5 !read_ok");
  }

  @Test
  void aMapHoldsWhatIsPut() {
    try (BpfMap<Integer, Integer> map = BpfMap.create(NUMBERS)) {
      assertThat(map.get(1)).isEmpty();
      map.put(1, 10);
      map.put(2, 20);
      map.put(2, 21);
      assertThat(map.get(2)).contains(21);
      assertThat(map.keys()).containsExactlyInAnyOrder(1, 2);
      assertThatThrownBy(() -> map.put(3, 30)).hasMessageContaining("E2BIG");
      map.remove(1);
      map.remove(1);
      assertThat(map.keys()).containsExactly(2);
    }
  }

  @Test
  void anArrayHasAllItsValues() {
    try (BpfMap<Integer, Integer> array =
        BpfMap.create(
            new BpfMap.Spec<>(
                BpfMap.Kind.ALIGNED_ARRAY, "numbers", BpfLayout.NUMBER, BpfLayout.NUMBER, 3))) {
      array.put(1, 10);
      array.put(2, 20);
      assertThat(array.values()).hasSize(3).endsWith(10, 20).startsWith(0);
    }
  }

  @Test
  void comparesAndExchanges() {
    BpfCode code =
        new BpfAssembler()
            .compute(BpfInstruction.Operation.MULTIPLY, Register.R2, Register.R3)
            .compareExchange(Width.WORD, Register.R1, 4, Register.R2)
            .code();
    assertThat(code.listing())
        .isEqualTo(
            """
              r2 *= r3
              atomic if u32 [r1 + 4] == r0 it = r2
            """);
    assertThat(code.encode(_ -> 0, _ -> 0))
        .containsExactly(0x0000_0000_0000_322fL, 0x0000_00f1_0004_21c3L);
  }

  @Test
  void aProgramOutlivesItsMakerAndIsReplacedInPlace() {
    String name = "fairway_test_counting";
    try (NetworkNamespace namespace = NetworkNamespace.createAnonymous();
        RouteNetlink netlink = RouteNetlink.open(namespace);
        BpfCounters counts = BpfCounters.create("counts", 2)) {
      netlink.apply(
          new RouteRequest.AddVeth(LinkSpec.named("a").withIndex(10), LinkSpec.named("b")));
      TcxHook hook = new TcxHook(namespace);
      BpfProgram.Objects objects = new BpfProgram.Objects().with(counts);
      assertThat(hook.find(10, name, BpfProgram.Kind.LINK_INGRESS)).isEmpty();
      int first;
      try (BpfProgram program =
          BpfProgram.load(BpfProgram.Kind.LINK_INGRESS, name, counting(0), objects)) {
        hook.set(10, program);
        first = program.id();
      }
      try (BpfProgram program =
          BpfProgram.load(BpfProgram.Kind.LINK_INGRESS, name, counting(1), objects)) {
        Optional<BpfProgram> left = hook.find(10, name, BpfProgram.Kind.LINK_INGRESS);
        assertThat(left.map(BpfProgram::id)).contains(first);
        left.ifPresent(BpfProgram::close);
        hook.set(10, program);
        Optional<BpfProgram> now = hook.find(10, name, BpfProgram.Kind.LINK_INGRESS);
        assertThat(now.map(BpfProgram::id)).contains(program.id());
        now.ifPresent(BpfProgram::close);
      }
      hook.clear(10, name, BpfProgram.Kind.LINK_INGRESS);
      hook.clear(10, name, BpfProgram.Kind.LINK_INGRESS);
      assertThat(hook.find(10, name, BpfProgram.Kind.LINK_INGRESS)).isEmpty();
      hook.clear(11, name, BpfProgram.Kind.LINK_INGRESS);
      assertThat(counts.read()).hasSize(2);
    }
  }

  @Test
  void kernelFunctionsAreFoundByName() {
    KernelTypes types = KernelTypes.ofRunningKernel();
    assertThat(types.functions(Set.of("bpf_ct_release", "no_such_function_there")))
        .containsOnlyKeys("bpf_ct_release");
    assertThatThrownBy(() ->
            BpfProgram.load(
                BpfProgram.Kind.LINK_INGRESS,
                "probe",
                new BpfAssembler().callKernel("no_such_function_there").exit().code(),
                new BpfProgram.Objects()))
        .hasMessageContaining("no_such_function_there");
  }

  @Test
  void brokenTypeDescriptionsAreRefused() throws Exception {
    byte[] real = Files.readAllBytes(Path.of("/sys/kernel/btf/vmlinux"));
    byte[] start = Arrays.copyOf(real, 4096);
    Random random = new Random(7);
    for (int round = 0; round < 2000; round++) {
      byte[] broken = start.clone();
      for (int i = 0; i < 1 + random.nextInt(8); i++) {
        broken[random.nextInt(round % 2 == 0 ? 24 : broken.length)] = (byte) random.nextInt();
      }
      try {
        assertThat(new KernelTypes(broken).functions(Set.of("bpf_ct_release"))).isEmpty();
      } catch (IllegalArgumentException e) {
        assertThat(e).hasMessageContaining("kernel");
      }
    }
  }
}
