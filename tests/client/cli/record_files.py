"""Files of records as commands read them."""

LABEL = "5c1b9f0e-7d1a-4a55-9a0e-0f6d8c2b4e10"
HEAD = "caller,phone,label_id,name,reason,starts_at,ends_at,expires_in\n"
GOOD = f"918040001234,919900000001,{LABEL},Acme Parcels,Your parcel arrives today,,,2h\n"
