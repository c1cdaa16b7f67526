import time
from datetime import timedelta
from callmark.kit.ids import new_id
from callmark.worker import run as worker
from callmark.domain.personalisation.queries import COPIED
async def test_copy(deps, clock):
    await worker.prepare(deps)
    at = clock.now(); acct=new_id()
    def rows(n):
        return [(f"9199{i*7919%10**9:09d}",at+timedelta(hours=1),new_id(),new_id(),acct,0,"918040001234",None,"Acme","Your parcel arrives",at,at,"pending",None,None,None,None) for i in range(n)]
    async def one():
        r = rows(50000)
        t=time.perf_counter()
        async with deps.db.transaction() as tx:
            for i in range(0,50000,500):
                await tx.copy_records_to_table("call_record",records=r[i:i+500],columns=COPIED)
        a=time.perf_counter()-t
        t=time.perf_counter()
        async with deps.db.transaction() as tx:
            await tx.execute("UPDATE call_record SET outcome='success', settled_at=$2, delivered_late_at = CASE WHEN outcome<>'pending' THEN $2::timestamptz END WHERE account_id=$1 AND outcome='pending'", acct, at)
        return a, time.perf_counter()-t
    for k in range(3):
        async with deps.db.connection() as tx:
            await tx.execute("TRUNCATE call_record, batch"); await tx.execute("DROP INDEX call_record_late")
        w = await one()
        async with deps.db.connection() as tx:
            await tx.execute("TRUNCATE call_record, batch"); await tx.execute("CREATE INDEX call_record_late ON call_record (delivered_late_at) WHERE delivered_late_at IS NOT NULL")
        i = await one()
        print("without copy %.3f upd %.3f | with copy %.3f upd %.3f" % (*w, *i))
