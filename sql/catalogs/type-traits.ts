// What pg_type says of our types beside what type.ts has: oid, name, typtype, then typbyval, typalign
// and typstorage in one word, the collation's oid, and the functions for text in and out, binary in and
// out, modifiers in and out, as oid:name. Source: PostgreSQL 15.18's pg_type. Arrays share theirs.

import { allTypes, type DataType } from '../type.ts'

const TRAITS = `\
16 bool b tcp 0 1242:boolin 1243:boolout 2436:boolrecv 2437:boolsend
17 bytea b fix 0 1244:byteain 31:byteaout 2412:bytearecv 2413:byteasend
18 char b tcp 0 1245:charin 33:charout 2434:charrecv 2435:charsend
19 name b fcp 950 34:namein 35:nameout 2422:namerecv 2423:namesend
20 int8 b tdp 0 460:int8in 461:int8out 2408:int8recv 2409:int8send
21 int2 b tsp 0 38:int2in 39:int2out 2404:int2recv 2405:int2send
22 int2vector b fip 0 40:int2vectorin 41:int2vectorout 2410:int2vectorrecv 2411:int2vectorsend
23 int4 b tip 0 42:int4in 43:int4out 2406:int4recv 2407:int4send
24 regproc b tip 0 44:regprocin 45:regprocout 2444:regprocrecv 2445:regprocsend
25 text b fix 100 46:textin 47:textout 2414:textrecv 2415:textsend
26 oid b tip 0 1798:oidin 1799:oidout 2418:oidrecv 2419:oidsend
27 tid b fsp 0 48:tidin 49:tidout 2438:tidrecv 2439:tidsend
28 xid b tip 0 50:xidin 51:xidout 2440:xidrecv 2441:xidsend
29 cid b tip 0 52:cidin 53:cidout 2442:cidrecv 2443:cidsend
30 oidvector b fip 0 54:oidvectorin 55:oidvectorout 2420:oidvectorrecv 2421:oidvectorsend
114 json b fix 0 321:json_in 322:json_out 323:json_recv 324:json_send
194 pg_node_tree b fix 100 195:pg_node_tree_in 196:pg_node_tree_out 197:pg_node_tree_recv 198:pg_node_tree_send
700 float4 b tip 0 200:float4in 201:float4out 2424:float4recv 2425:float4send
701 float8 b tdp 0 214:float8in 215:float8out 2426:float8recv 2427:float8send
705 unknown p fcp 0 109:unknownin 110:unknownout 2416:unknownrecv 2417:unknownsend
869 inet b fim 0 910:inet_in 911:inet_out 2496:inet_recv 2497:inet_send
1033 aclitem b fip 0 1031:aclitemin 1032:aclitemout
1042 bpchar b fix 100 1044:bpcharin 1045:bpcharout 2430:bpcharrecv 2431:bpcharsend 2913:bpchartypmodin 2914:bpchartypmodout
1043 varchar b fix 100 1046:varcharin 1047:varcharout 2432:varcharrecv 2433:varcharsend 2915:varchartypmodin 2916:varchartypmodout
1082 date b tip 0 1084:date_in 1085:date_out 2468:date_recv 2469:date_send
1083 time b tdp 0 1143:time_in 1144:time_out 2470:time_recv 2471:time_send 2909:timetypmodin 2910:timetypmodout
1114 timestamp b tdp 0 1312:timestamp_in 1313:timestamp_out 2474:timestamp_recv 2475:timestamp_send 2905:timestamptypmodin 2906:timestamptypmodout
1184 timestamptz b tdp 0 1150:timestamptz_in 1151:timestamptz_out 2476:timestamptz_recv 2477:timestamptz_send 2907:timestamptztypmodin 2908:timestamptztypmodout
1186 interval b fdp 0 1160:interval_in 1161:interval_out 2478:interval_recv 2479:interval_send 2903:intervaltypmodin 2904:intervaltypmodout
1700 numeric b fim 0 1701:numeric_in 1702:numeric_out 2460:numeric_recv 2461:numeric_send 2917:numerictypmodin 2918:numerictypmodout
2202 regprocedure b tip 0 2212:regprocedurein 2213:regprocedureout 2446:regprocedurerecv 2447:regproceduresend
2203 regoper b tip 0 2214:regoperin 2215:regoperout 2448:regoperrecv 2449:regopersend
2204 regoperator b tip 0 2216:regoperatorin 2217:regoperatorout 2450:regoperatorrecv 2451:regoperatorsend
2205 regclass b tip 0 2218:regclassin 2219:regclassout 2452:regclassrecv 2453:regclasssend
2206 regtype b tip 0 2220:regtypein 2221:regtypeout 2454:regtyperecv 2455:regtypesend
2249 record p fdx 0 2290:record_in 2291:record_out 2402:record_recv 2403:record_send
2276 any p tip 0 2294:any_in 2295:any_out
2277 anyarray p fdx 0 2296:anyarray_in 2297:anyarray_out 2502:anyarray_recv 2503:anyarray_send
2278 void p tip 0 2298:void_in 2299:void_out 3120:void_recv 3121:void_send
2279 trigger p tip 0 2300:trigger_in 2301:trigger_out
2283 anyelement p tip 0 2312:anyelement_in 2313:anyelement_out
2776 anynonarray p tip 0 2777:anynonarray_in 2778:anynonarray_out
2950 uuid b fcp 0 2952:uuid_in 2953:uuid_out 2961:uuid_recv 2962:uuid_send
3220 pg_lsn b tdp 0 3229:pg_lsn_in 3230:pg_lsn_out 3238:pg_lsn_recv 3239:pg_lsn_send
3361 pg_ndistinct b fix 100 3355:pg_ndistinct_in 3356:pg_ndistinct_out 3357:pg_ndistinct_recv 3358:pg_ndistinct_send
3402 pg_dependencies b fix 100 3404:pg_dependencies_in 3405:pg_dependencies_out 3406:pg_dependencies_recv 3407:pg_dependencies_send
3802 jsonb b fix 0 3806:jsonb_in 3804:jsonb_out 3805:jsonb_recv 3803:jsonb_send
4089 regnamespace b tip 0 4084:regnamespacein 4085:regnamespaceout 4087:regnamespacerecv 4088:regnamespacesend
4096 regrole b tip 0 4098:regrolein 4092:regroleout 4094:regrolerecv 4095:regrolesend
4191 regcollation b tip 0 4193:regcollationin 4194:regcollationout 4196:regcollationrecv 4197:regcollationsend
5017 pg_mcv_list b fix 100 5018:pg_mcv_list_in 5019:pg_mcv_list_out 5020:pg_mcv_list_recv 5021:pg_mcv_list_send
5069 xid8 b tdp 0 5070:xid8in 5081:xid8out 5082:xid8recv 5083:xid8send
5077 anycompatible p tip 0 5086:anycompatible_in 5087:anycompatible_out
5078 anycompatiblearray p fdx 0 5088:anycompatiblearray_in 5089:anycompatiblearray_out 5090:anycompatiblearray_recv 5091:anycompatiblearray_send
`

export interface RoutineName {
  readonly oid: number
  readonly name: string
}

export interface TypeTraits {
  readonly kind: string
  readonly isByValue: boolean
  readonly align: string
  readonly storage: string
  readonly collation: number
  readonly input: RoutineName
  readonly output: RoutineName
  readonly receive: RoutineName | null
  readonly send: RoutineName | null
  readonly modifierInput: RoutineName | null
  readonly modifierOutput: RoutineName | null
}

function routine(text: string): RoutineName {
  const [oid = '', name = ''] = text.split(':')
  return { oid: Number(oid), name }
}

function traitsOf(line: string): [number, TypeTraits] {
  const [oid, , kind, physical, collation, ...names] = line.split(' ') as string[] & {
    0: string
    2: string
    3: string
  }
  const [input, output, receive, send, modifierInput, modifierOutput] = names.map(routine)
  const traits: TypeTraits = {
    kind,
    isByValue: physical[0] === 't',
    align: physical[1]!,
    storage: physical[2]!,
    collation: Number(collation),
    input: input!,
    output: output!,
    receive: receive ?? null,
    send: send ?? null,
    modifierInput: modifierInput ?? null,
    modifierOutput: modifierOutput ?? null,
  }
  return [Number(oid), traits]
}

const traits = new Map(TRAITS.trimEnd().split('\n').map(traitsOf))

const ARRAY = {
  kind: 'b',
  isByValue: false,
  storage: 'x',
  input: { oid: 750, name: 'array_in' },
  output: { oid: 751, name: 'array_out' },
  receive: { oid: 2400, name: 'array_recv' },
  send: { oid: 2401, name: 'array_send' },
}

/** Of any type of type.ts. */
export function typeTraits(type: DataType): TypeTraits {
  const own = traits.get(type.oid)
  if (own) return own
  const element = typeTraits(type.element!)
  const { collation, modifierInput, modifierOutput } = element
  const align = element.align === 'd' ? 'd' : 'i'
  const kind = type.category === 'P' ? 'p' : 'b'
  return { ...ARRAY, kind, align, collation, modifierInput, modifierOutput }
}

/** All input and output functions of types, once each. */
export function typeRoutines(): RoutineName[] {
  const routines = new Map<number, RoutineName>()
  for (const type of allTypes()) {
    const { input, output, receive, send, modifierInput, modifierOutput } = typeTraits(type)
    for (const each of [input, output, receive, send, modifierInput, modifierOutput]) {
      if (each) routines.set(each.oid, each)
    }
  }
  return [...routines.values()]
}
